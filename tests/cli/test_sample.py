"""``minilm sample``: the text alone on standard output, as it is produced."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.cli.main import main
from minilm.generation.pretrained import Pretrained

SETTINGS = (
    *("model.n_layer=1", "model.n_head=1", "model.n_embd=8", "model.block_size=8", "batch_size=2"),
    *("training.steps=2", "evaluate_every=2", "estimate_windows=2", "warmup_steps=1"),
    *("sample.max_tokens=0", "data.tokenizer=bytes"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps."""
    folder = tmp_path_factory.mktemp("sample")
    (folder / "words.txt").write_text("the cat sat on the mat and the dog sat on the log\n" * 40)
    words = [
        "pretrain",
        "--quiet",
        "--data",
        str(folder / "words.txt"),
        "--out",
        str(folder / "run"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.StringIO())
        assert main([*words, *(f"--set={setting}" for setting in SETTINGS)]) == 0
    return str(folder / "run")


def sample(capsys, *words):
    code = main(["sample", *words])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out, err


def test_the_text_goes_to_standard_output_and_remarks_do_not(run, capsys):
    out, err = sample(capsys, run, "--prompt", "the ", "--max-tokens", "20", "--seed", "3")
    assert out.startswith("the ")
    assert out.endswith("\n")
    assert "outgrows the context of 8 tokens" in err
    assert sample(capsys, run, "--prompt", "the ", "--max-tokens", "20", "--seed", "3")[0] == out
    assert sample(capsys, run, "--prompt", "the ", "--max-tokens", "20", "--seed", "4")[0] != out


def test_precision_rounds_the_weights(run, capsys, monkeypatch):
    rounded = []
    monkeypatch.setattr(Pretrained, "half", lambda self: rounded.append(self) or self)
    words = (run, "--max-tokens", "5", "--temperature", "0")
    plain = sample(capsys, *words)
    assert sample(capsys, *words, "--precision", "float32") == plain
    assert not rounded
    sample(capsys, *words, "--precision", "bf16")
    assert len(rounded) == 1
    monkeypatch.undo()
    assert sample(capsys, *words, "--precision", "bf16")[0]
    assert main(["sample", run, "--precision", "bf-16"]) == 2
    assert "did you mean 'bf16'" in capsys.readouterr().err


def test_without_a_seed_the_one_drawn_is_told(run, capsys):
    out, err = sample(capsys, run, "--max-tokens", "5")
    told = err.split("\n")[0].removeprefix("seed ")
    assert sample(capsys, run, "--max-tokens", "5", "--seed", told)[0] == out
    assert "seed" not in sample(capsys, run, "--temperature", "0", "--max-tokens", "5")[1]


def test_several_texts_have_seeds_that_follow_one_another(run, capsys):
    both = sample(capsys, run, "--max-tokens", "5", "--seed", "3", "--n", "2")[0]
    first = sample(capsys, run, "--max-tokens", "5", "--seed", "3")[0]
    second = sample(capsys, run, "--max-tokens", "5", "--seed", "4")[0]
    assert both == f"{first}{'-' * 20}\n{second}"


def test_json_holds_continuations_and_remarks(run, capsys):
    words = (run, "--prompt", "a", "--max-tokens", "9", "--seed", "3", "--n", "2")
    out, err = sample(capsys, *words, "--json")
    result = json.loads(out)
    assert out.count("\n") == 1
    assert (result["run"], result["step"], result["prompt"]) == (run, 2, "a")
    assert [item["seed"] for item in result["samples"]] == [3, 4]
    shown = sample(capsys, *words)[0]
    assert shown == f"\n{'-' * 20}\n".join(f"a{item['text']}" for item in result["samples"]) + "\n"
    assert result["notes"] == err.splitlines()
    assert len(result["notes"]) == 1


def test_it_streams(run, monkeypatch):
    written = []

    class Stream(io.StringIO):
        def write(self, text):
            written.append(text)
            return len(text)

    monkeypatch.setattr(sys, "stdout", Stream())
    assert main(["sample", run, "--prompt", "the", "--max-tokens", "12", "--seed", "1"]) == 0
    assert written[0] == "the"
    assert len(written) > 5


def test_a_terminal_is_not_steered_but_a_pipe_gets_the_text_as_it_is(run, capsys, monkeypatch):
    words = (run, "--prompt", "\x1b[2J", "--max-tokens", "1", "--seed", "1")
    assert sample(capsys, *words)[0].startswith("\x1b[2J")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert sample(capsys, *words)[0].startswith("\\x1b[2J")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperature", "inf"], "--temperature: 'inf' is not a finite number"),
        (["--top-p", "1.5"], "top_p is 1.5"),
        (["--max-tokens", "-1"], "max_tokens is -1"),
        (["--n", "0"], "--n: '0' is below 1"),
    ],
)
def test_options_out_of_range_are_refused(run, words, message, capsys):
    assert main(["sample", run, *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_a_folder_without_a_run_is_refused(tmp_path, capsys):
    assert main(["sample", str(tmp_path)]) == 2
    assert "has no config.toml" in capsys.readouterr().err


def test_a_reader_that_leaves_ends_it_quietly(run):
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "minilm.cli",
            "sample",
            run,
            "--max-tokens",
            "100000",
            "--seed",
            "1",
        ],
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert os.read(reading, 1)
    os.close(reading)
    err = process.communicate()[1]
    assert process.returncode == 141
    assert b"Traceback" not in err
    assert b"Exception" not in err


@given(st.text(max_size=30))
@settings(max_examples=100)
def test_no_prompt_gives_a_traceback(run, prompt):
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = main(["sample", run, f"--prompt={prompt}", "--max-tokens", "2", "--seed", "0"])
    if code == 0:
        assert out.getvalue().startswith(prompt)
    else:
        assert code == 2
        assert err.getvalue().startswith("minilm: error: ")
