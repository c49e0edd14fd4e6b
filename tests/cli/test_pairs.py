"""``minilm pairs``: every pair shown and counted, plain in a pipe, coloured on a terminal."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from minilm.cli.main import main
from minilm.cli.pairs_table import print_pairs
from minilm.objectives.pairs import label
from minilm.tokenizers import BytesTokenizer

TEXT = "the cat sat on the mat"
SETTINGS = (
    *("model.n_layer=1", "model.n_head=1", "model.n_embd=8", "model.block_size=32", "batch_size=2"),
    *("training.steps=2", "evaluate_every=2", "estimate_windows=2", "warmup_steps=1"),
    *("sample.max_tokens=0", "data.tokenizer=bytes"),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of two steps for each objective."""
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "words.txt").write_text(f"{TEXT}\n" * 100)
    found = {}
    for name in ("next_token", "fill_in_middle", "masked_tokens"):
        settings = [f"objective.name={name}", *SETTINGS]
        if name == "masked_tokens":
            settings.insert(0, "model.architecture=bert")
        words = [
            "pretrain",
            "--quiet",
            "--data",
            f"{folder}/words.txt",
            "--out",
            f"{folder}/{name}",
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", io.StringIO())
            assert main([*words, *(f"--set={setting}" for setting in settings)]) == 0
        found[name] = f"{folder}/{name}"
    return found


def pairs(capsys, *words):
    code = main(["pairs", *words])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def test_each_objective_is_shown_and_counted(capsys):
    out = pairs(capsys, TEXT)
    assert "22 tokens (bytes, vocabulary 261)" in out
    assert "next token: each token from those before it: 21 pairs" in out
    assert "   3  the → [ ]\n" in out
    assert "  21  the cat sat on the ma → [t]\n" in out
    assert "masked tokens: the hidden ones from all the others: 3 pairs" in out
    assert "«[MASK]»" in out
    assert "moved to the end: 25 pairs" in out
    assert out.count("→") == 21 + 3 + 25
    assert "\x1b" not in out


def test_one_objective_and_the_first_pairs(capsys):
    out = pairs(capsys, TEXT, "--objective", "next_token", "--first", "2")
    assert out.splitlines()[-1] == "  ... and 19 more"
    assert "masked" not in out


def test_other_tokenizers(capsys, tmp_path):
    assert "9 tokens (chars, vocabulary 13)" in pairs(capsys, "größe, sö", "--tokenizer", "chars")
    # Four pairs of bytes for three characters, and half a character as an escape.
    out = pairs(capsys, "aéb", "--objective", "next_token")
    assert "  1  a → [\\xc3]\n  2  a\\xc3 → [\\xa9]\n  3  aé → [b]\n" in out
    BytesTokenizer().save(tmp_path / "tokenizer.json")
    words = ("--tokenizer", str(tmp_path), "--objective", "next_token")
    assert "21 pairs" in pairs(capsys, TEXT, *words)
    # Without marks for the others, next tokens are all that it can show.
    assert pairs(capsys, TEXT, *words[:2]) == pairs(capsys, TEXT, *words)


def test_a_file_stands_for_its_text_and_a_corpus_is_counted(capsys, tmp_path):
    (tmp_path / "words.txt").write_text(TEXT)
    name = str(tmp_path / "words.txt")
    words = ("--objective", "next_token", "--data", name)
    out = pairs(capsys, name, *words)
    assert "21 pairs" in out
    assert "1 documents, 23 tokens" in out
    assert "22 pairs in a pass" in out
    result = json.loads(pairs(capsys, TEXT, *words, "--json"))
    assert result["corpus"]["pairs"] == {"next_token": 22}


def test_json_has_every_pair(capsys):
    result = json.loads(pairs(capsys, TEXT, "--json"))
    by_name = {each["objective"]: each for each in result["objectives"]}
    assert list(by_name) == ["next_token", "masked_tokens", "fill_in_middle"]
    rows = by_name["next_token"]["shown"]
    assert [row["before"] + row["label"] for row in rows] == [TEXT[: i + 2] for i in range(21)]
    assert rows[0] == {
        "position": 0,
        "before": "t",
        "input": None,
        "after": "",
        "label": "h",
        "label_id": 104,
    }
    for row in by_name["masked_tokens"]["shown"]:
        assert row["before"].replace("[MASK]", "?")[:3]
        assert TEXT[row["position"]] == row["label"]


@pytest.mark.parametrize("name", ["next_token", "fill_in_middle", "masked_tokens"])
def test_a_run_adds_probabilities(name, runs, capsys):
    out = pairs(capsys, "the cat sat", "--run", runs[name])
    assert "probability   nats" in out
    assert "mean loss" in out
    result = json.loads(pairs(capsys, "the cat sat", "--run", runs[name], "--json"))
    expected = ["next_token", "fill_in_middle"] if name == "fill_in_middle" else [name]
    assert [each["objective"] for each in result["objectives"]] == expected
    for each in result["objectives"]:
        for row in each["shown"]:
            # After two steps the model knows next to nothing: about 1 / V.
            assert 4 < row["loss"] < 7
            assert 1e-3 < row["probability"] < 2e-2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a"], "fewer than two tokens"),
        ([TEXT, "--tokenizer", "nowhere"], "cannot read the tokenizer nowhere"),
        ([TEXT, "--data", "nowhere.txt"], "nowhere.txt"),
        ([TEXT, "--objective", "nothing"], "--objective"),
    ],
)
def test_mistakes_are_told(words, message, capsys):
    assert main(["pairs", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_mistakes_with_a_run_are_told(runs, capsys):
    run = runs["next_token"]
    assert main(["pairs", TEXT, "--run", run, "--tokenizer", "bytes"]) == 2
    assert "--run brings its own tokenizer" in capsys.readouterr().err
    assert main(["pairs", TEXT, "--run", run, "--objective", "masked_tokens"]) == 2
    assert "has not learned masked_tokens; choose from next_token" in capsys.readouterr().err
    assert main(["pairs", TEXT * 9, "--run", run]) == 2
    assert "context has 32; give a shorter text" in capsys.readouterr().err


def test_a_terminal_has_colours_and_lines_that_fit(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    tokenizer = BytesTokenizer()
    stream = Terminal()
    print_pairs(label("next_token", TEXT * 5, tokenizer), tokenizer, None, 200, stream)
    assert "\x1b[36m" in stream.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    print_pairs(label("next_token", TEXT * 5, tokenizer), tokenizer, None, 200, stream)
    lines = stream.getvalue().splitlines()[1:]
    assert "\x1b" not in stream.getvalue()
    assert len(lines) == 109
    assert all(len(line) <= 40 for line in lines)
    assert all("…" in line for line in lines[60:])


def test_the_page_shows_what_the_command_prints(capsys):
    page = (Path(__file__).parents[2] / "docs" / "pairs.md").read_text(encoding="utf-8")
    shown = re.findall(r"```console\n\$ minilm (pairs [^\n]*)\n(\d[^`]+)```", page)
    alone = [(line, output) for line, output in shown if "--run" not in line]
    assert len(alone) >= 2
    for command, output in alone:
        assert pairs(capsys, *shlex.split(command)[1:]) == output
