"""``minilm tokenizer``: what it writes and prints, and its one-line errors."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.style import Style

from minilm.cli.main import main
from minilm.cli.tokenizer_use import COLOURS
from minilm.tokenizers import BPETokenizer, load

TEXT = "the cat sat on the mat and the dog sat on the log\n" * 20


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text and a tokenizer, which is the current one."""
    (tmp_path / "text.txt").write_text(TEXT)
    BPETokenizer.train([TEXT], 275).save(tmp_path / "tokenizer.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *words: object) -> str:
    code = main(["tokenizer", *map(str, words)])
    out, err = capsys.readouterr()
    assert code == 0, err
    assert err == ""
    return out


def refused(capsys, *words: object) -> str:
    assert main(["tokenizer", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k"])
def test_train(here: Path, capsys, pattern: str) -> None:
    (here / "folder").mkdir()
    (here / "folder" / "more.md").write_text("a cat and a log\n")
    (here / "folder" / "picture.png").write_bytes(b"\xff")
    options = ("--vocab-size", 275, "--special", "<|x|>", "--pattern", pattern)
    out = run(capsys, "train", "text.txt", "folder", *options, "--out", "new.json")
    assert out.startswith("new.json: 275 tokens, 17 of them learned from 1.02 kB in 2 files, in ")
    found = load(here / "new.json")
    expected = BPETokenizer.train(
        [TEXT, "a cat and a log\n"],
        275,
        pattern=pattern,
        special_tokens=["<|x|>", "<|endoftext|>"],
    )
    assert found.to_dict() == expected.to_dict()


def test_train_writes_the_files_of_gpt2_into_a_folder(here: Path, capsys) -> None:
    out = run(capsys, "train", "text.txt", "--vocab-size", 275, "--out", "gpt2", "--json")
    assert json.loads(out)["vocab_size"] == 275
    expected = load(here / "tokenizer.json").to_dict()
    assert load(here / "gpt2").to_dict() == expected


def test_train_says_when_there_is_too_little_text(here: Path, capsys) -> None:
    (here / "text.txt").write_text("abab")
    out = run(capsys, "train", "text.txt", "--min-frequency", 2)
    assert "tokenizer.json: 258 tokens, 1 of them learned" in out
    assert "no more pairs that occur 2 times or more" in out


def test_text_to_ids_and_back(here: Path, capsys) -> None:
    expected = load("tokenizer.json").encode(TEXT)
    out = run(capsys, "encode", "text.txt")
    assert [int(word) for word in out.split()] == expected.tolist()
    two = " ".join(map(str, load("tokenizer.json").encode("the cat").tolist()))
    assert run(capsys, "encode", "--text", "the cat") == f"{two}\n"
    found = json.loads(run(capsys, "encode", "text.txt", "--json"))
    assert found == {"tokens": len(expected), "ids": expected.tolist()}
    out = run(capsys, "encode", "text.txt", "--out", "ids.npy", "--threads", 2)
    assert out == f"ids.npy: {len(expected):,} ids, uint16\n"
    assert np.array_equal(np.load("ids.npy"), expected)
    assert run(capsys, "decode", "ids.npy") == TEXT
    assert run(capsys, "decode", *expected.tolist()) == TEXT
    (here / "ids.txt").write_text(" ".join(map(str, expected.tolist())))
    assert run(capsys, "decode", "ids.txt") == TEXT
    assert (
        run(capsys, "decode", "ids.npy", "--out", "again.txt")
        == f"again.txt: {len(TEXT):,} bytes\n"
    )
    assert (here / "again.txt").read_text() == TEXT


def test_decoding_in_batches_breaks_no_character(here: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("minilm.cli.tokenizer_use.BATCH", 1)
    ids = load("tokenizer.json").encode("猫 é").tolist()
    assert len(ids) > 3
    assert run(capsys, "decode", *ids) == "猫 é"
    assert run(capsys, "decode", ids[0]) == "\ufffd"


def test_special_tokens_in_text(here: Path, capsys) -> None:
    text = "the<|endoftext|>"
    plain = run(capsys, "encode", "--text", text).split()
    assert "274" not in plain
    honoured = run(capsys, "encode", "--text", text, "--special", "honour").split()
    assert honoured[-1] == "274"
    assert "'<|endoftext|>' in line 1" in refused(
        capsys, "encode", "--text", text, "--special", "refuse"
    )


def test_show_in_brackets(here: Path, capsys) -> None:
    out = run(capsys, "show", "the cat\x1b[31m 猫\nthe")
    assert out == (
        r"[the][ cat][\x1b][[][3][1][m][ ][\xe7][\x8c][\xab][\n]" + "\n[the]\n\n"
        "13 tokens, 20 bytes: 1.54 bytes per token, vocabulary 275\n"
    )
    out = run(capsys, "show", "text.txt", "--first", 2)
    assert out.startswith("[the][ cat]\n... and ")
    assert "1,000 bytes" in out
    assert "no text" in run(capsys, "show", "")
    out = run(capsys, "show", "<|endoftext|>", "--special", "honour")
    assert out.startswith("[<|endoftext|>]\n")


def test_show_as_json(here: Path, capsys) -> None:
    found = json.loads(run(capsys, "show", "the cat", "--json"))
    ids = load("tokenizer.json").encode("the cat").tolist()
    assert found == {
        "tokens": 2,
        "bytes": 7,
        "bytes_per_token": 3.5,
        "ids": ids,
        "pieces": ["the", " cat"],
    }


def test_show_in_colours(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name, value in (("TERM", "xterm-256color"), ("COLORTERM", "truecolor")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    # They remember the colours of another test's terminal.
    Style.parse.cache_clear()
    Style._add.cache_clear()
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["tokenizer", "show", "the cat"]) == 0
    out = terminal.getvalue()
    assert "[the]" not in out
    for colour, piece in zip(COLOURS, ("the", " cat"), strict=False):
        numbers = ";".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
        assert f"48;2;{numbers}m{piece}\x1b[0m" in out
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    assert main(["tokenizer", "show", "the cat"]) == 0
    assert terminal.getvalue().startswith("[the][ cat]\n")


def test_other_tokenizers(here: Path, capsys) -> None:
    assert run(capsys, "encode", "--text", "é", "--tokenizer", "bytes") == "195 169\n"
    assert run(capsys, "decode", "195", "169", "--tokenizer", "bytes") == "é"
    assert run(capsys, "show", "é", "--tokenizer", "bytes").startswith(r"[\xc3][\xa9]")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "FILE is missing"),
        (["train", "none.txt"], "cannot read none.txt: no such file"),
        (["train", "empty"], "the folder empty has no file named like text"),
        (["train", "empty.txt"], "there is no text to learn from"),
        (["train", "text.txt", "--vocab-size", "12"], "a vocabulary of 12: must be from 257"),
        (["train", "text.txt", "--vocab-size", "x"], "--vocab-size"),
        (["train", "text.txt", "--pattern", "gpt4"], "--pattern"),
        (["train", "text.txt", "--out", "none/x.json"], "cannot write none/x.json"),
        (["train", "broken.txt"], "broken.txt is not UTF-8: byte 0xff at byte 2, line 2"),
        (["encode"], "name a FILE, or give --text TEXT"),
        (["encode", "text.txt", "--text", "x"], "name a FILE, or give --text TEXT"),
        (
            ["encode", "broken.txt", "--out", "x.npy"],
            "broken.txt is not UTF-8: byte 0xff at byte 2",
        ),
        (["encode", "text.txt", "--threads", "0"], "'0' is below 1"),
        (["encode", "text.txt", "--tokenizer", "none.json"], "cannot read the tokenizer none.json"),
        (["encode", "text.txt", "--tokenizer", "text.txt"], "is not a tokenizer that can be read"),
        (["decode", "x"], "'x' is neither an id nor a file"),
        (["decode", "300"], "no token 300 in a vocabulary of 275"),
        (["decode", "text.txt"], "'the' is neither an id nor a file"),
        (["decode", "broken.npy"], "broken.npy is not a NumPy file of ids"),
        (["decode", "1", "--out", "none/x"], "none/x: No such file or directory"),
        (["show"], "is missing"),
        (["shwo", "x"], "shwo"),
        ([], "choose from train, encode, decode, show"),
    ],
)
def test_mistakes(here: Path, capsys, words: list[str], message: str) -> None:
    (here / "empty").mkdir()
    (here / "empty.txt").touch()
    (here / "broken.txt").write_bytes(b"a\n\xff")
    (here / "broken.npy").write_bytes(b"a")
    err = refused(capsys, *words)
    assert message in err
    assert err.count("\n") == 1


def test_no_tokenizer_here(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "there is no tokenizer.json here; name one" in refused(capsys, "show", "x")
