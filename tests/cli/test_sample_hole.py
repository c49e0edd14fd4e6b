"""``minilm sample --prefix --suffix``: the hole filled, between its sides."""

from __future__ import annotations

import io
import json
import sys

import pytest

from minilm.cli.main import main

SETTINGS = (
    *("model.n_layer=1", "model.n_head=1", "model.n_embd=8", "model.block_size=16", "batch_size=2"),
    *("training.steps=2", "evaluate_every=2", "estimate_windows=2", "warmup_steps=1"),
    *("sample.max_tokens=0", "data.tokenizer=bytes"),
)


def _pretrain(folder, *settings):
    (folder / "words.txt").write_text("the cat sat on the mat and the dog sat on the log\n" * 40)
    words = ["pretrain", "--quiet", "--data", f"{folder}/words.txt", "--out", f"{folder}/run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.StringIO())
        assert main([*words, *(f"--set={setting}" for setting in (*settings, *SETTINGS))]) == 0
    return str(folder / "run")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps that can fill holes."""
    return _pretrain(tmp_path_factory.mktemp("hole"), "objective.name=fill_in_middle")


def sample(capsys, *words):
    code = main(["sample", *words])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out, err


def test_the_middle_stands_between_its_sides(run, capsys):
    words = (run, "--prefix", "the ", "--suffix", " sat", "--max-tokens", "5", "--seed", "3")
    out, err = sample(capsys, *words)
    result = json.loads(sample(capsys, *words, "--json")[0])
    (found,) = result["samples"]
    assert out == f"the {found['text']} sat\n"
    assert (result["prefix"], result["suffix"]) == ("the ", " sat")
    assert "prompt" not in result
    assert err.splitlines() == result["notes"]
    assert sample(capsys, *words)[0] == out
    assert {sample(capsys, *words[:-1], str(seed))[0] for seed in range(4, 12)} != {out}


def test_either_side_may_be_left_out(run, capsys):
    words = ("--max-tokens", "3", "--seed", "1")
    assert sample(capsys, run, "--prefix", "the ", *words)[0].startswith("the ")
    assert sample(capsys, run, "--suffix", " mat", *words)[0].endswith(" mat\n")
    # No middle at all: only the sides.
    nothing = ("--prefix", "a", "--suffix", "b", "--max-tokens", "0", "--seed", "1")
    assert sample(capsys, run, *nothing)[0] == "ab\n"


def test_a_file_marks_the_hole(run, capsys, tmp_path):
    file = tmp_path / "hole.py"
    file.write_bytes("größe = <|hole|>\r\n# end\n".encode())
    words = ("--max-tokens", "4", "--seed", "3")
    out = sample(capsys, run, "--hole", str(file), *words)[0]
    assert out == sample(capsys, run, "--prefix", "größe = ", "--suffix", "\r\n# end\n", *words)[0]
    assert out.startswith("größe = ")
    file.write_text("no hole")
    assert main(["sample", run, "--hole", str(file)]) == 2
    assert "has 0 marks <|hole|>; put one" in capsys.readouterr().err
    assert main(["sample", run, "--hole", str(tmp_path / "none.py")]) == 2
    assert "none.py" in capsys.readouterr().err
    assert main(["sample", run, "--hole", str(file), "--suffix", "b"]) == 2
    assert "--hole brings both sides" in capsys.readouterr().err


def test_several_middles_are_told_apart(run, capsys):
    words = (run, "--prefix", "the ", "--max-tokens", "4")
    both = sample(capsys, *words, "--seed", "3", "--n", "2")[0]
    first, second = (sample(capsys, *words, "--seed", seed)[0] for seed in ("3", "4"))
    assert both == f"{first}{'-' * 20}\n{second}"


def test_a_run_that_fills_holes_also_goes_on_with_a_text(run, capsys):
    assert sample(capsys, run, "--prompt", "the", "--seed", "1")[0].startswith("the")


def test_on_a_terminal_the_middle_has_a_colour(run, capsys, monkeypatch):
    words = (run, "--prefix", "the ", "--suffix", "\x1b[2J", "--max-tokens", "4", "--seed", "3")
    plain = sample(capsys, *words)[0]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = sample(capsys, *words)[0]
    assert coloured.startswith("the \x1b[")
    assert coloured.endswith("\\x1b[2J\n")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in sample(capsys, *words)[0]
    assert plain.endswith("\x1b[2J\n")


def test_mistakes_are_told(run, tmp_path, capsys):
    assert main(["sample", run, "--prompt", "a", "--suffix", "b"]) == 2
    assert "give the one or the others" in capsys.readouterr().err
    plain = _pretrain(tmp_path)
    assert main(["sample", plain, "--prefix", "a", "--suffix", "b"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "the tokenizer has no <|fim_prefix|>" in err
    assert "objective.name = fill_in_middle" in err
