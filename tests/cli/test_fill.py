"""Filling gaps, embedding and searching from the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import minilm
from minilm.backend import using
from minilm.cli.formatting import printable
from minilm.cli.main import main
from minilm.recipes import Recipe, load, override

TEXT = "".join(f"{n} plus {n} is {2 * n}.\n" for n in range(300))
SMALL = (
    *("n_layer=1", "n_head=2", "n_embd=16", "block_size=16", "steps=2", "batch_size=2"),
    *("evaluate_every=2", "warmup_steps=1", "data.vocab_size=290"),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a masked run, a causal one, and texts."""
    folder = tmp_path_factory.mktemp("fill")
    (folder / "text.txt").write_text(TEXT)
    source = f"source={folder / 'text.txt'}"
    causal = [*SMALL[:-1], source, "sample.max_tokens=0"]
    with using("reference"):
        minilm.pretrain(override(load("bert-docs"), [*SMALL, source]), out=folder / "masked")
        minilm.pretrain(override(Recipe(), causal), out=folder / "causal")
    (folder / "lines.txt").write_text("1 plus 1\n\nfive\n2 plus 2 is 4, and that is long\nand\n")
    (folder / "lines.jsonl").write_text('{"text": "1 plus 1"}\n{"text": "five"}\n')
    return folder


@pytest.fixture
def here(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(runs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    return capsys.readouterr().err


def test_fill(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "1 plus [MASK] is [MASK]."
    lines = printed(capsys, "fill", "masked", text, "--top", "3").splitlines()
    assert [lines[0], lines[4]] == ["[MASK] 1 of 2", "[MASK] 2 of 2"]
    found = json.loads(printed(capsys, "fill", "masked", text, "--top", "3", "--json"))
    gaps = minilm.load_masked("masked").fill(text, top=3)
    assert [gap["position"] for gap in found["gaps"]] == [gap.position for gap in gaps]
    for ours, gap, at in zip(found["gaps"], gaps, (1, 5), strict=True):
        for line, guess, told in zip(lines[at:], gap.guesses, ours["guesses"], strict=False):
            assert told["token"] == guess.token
            assert told["probability"] == pytest.approx(guess.probability)
            assert line.startswith(f"  {100 * guess.probability:5.1f} %  #")
            assert line.endswith(repr(guess.token))
    assert lines[-1] == printable(found["filled"])
    one = printed(capsys, "fill", "masked", "1 plus [MASK]").splitlines()
    assert len(one) == 7
    assert "of" not in one[0]


def test_what_cannot_be_filled(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no [MASK] in the text" in refused(capsys, "fill", "masked", "no gap")
    assert "causal holds a causal model" in refused(capsys, "fill", "causal", "[MASK]")
    assert "context is 16" in refused(capsys, "fill", "masked", "[MASK]" + " 1" * 30)
    (here / "masked" / "tokenizer.json").unlink()
    assert "cannot read the tokenizer" in refused(capsys, "fill", "masked", "[MASK]")


def test_embed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "embed", "masked", "lines.txt", "--out", "v.npy")
    assert told.startswith("v.npy: 4 vectors of 16 numbers, ")
    texts = ["1 plus 1", "five", "2 plus 2 is 4, and that is long", "and"]
    expected = minilm.load_encoder("masked").embed(texts)
    np.testing.assert_allclose(np.load("v.npy"), expected, rtol=1e-6)
    words = ("embed", "causal", "lines.jsonl", "--out", "w.npy", "--batch-size", "1", "--json")
    found = json.loads(printed(capsys, *words))
    assert (found["texts"], found["channels"]) == (2, 16)
    expected = minilm.load_encoder("causal").embed(texts[:2])
    np.testing.assert_allclose(np.load("w.npy"), expected, rtol=1e-5)


def test_long_texts_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "long.txt").write_text("1 plus 1 is 2. " * 20 + "\nshort\n")
    assert main(["embed", "masked", "long.txt", "--out", "v.npy"]) == 0
    assert "1 of 2 texts are longer than the context of 16 tokens" in capsys.readouterr().err


def test_what_cannot_be_embedded(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "must end in .npy" in refused(capsys, "embed", "masked", "lines.txt", "--out", "v")
    (here / "bad.jsonl").write_text('{"text": "a"}\n{"txt": "b"}\n')
    message = refused(capsys, "embed", "masked", "bad.jsonl", "--out", "v.npy")
    assert 'bad.jsonl:2: "text" is missing' in message
    assert not (here / "v.npy").exists()


def test_search(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "search", "masked", "lines.txt", "five", "--top", "2").splitlines()
    assert lines[0].split() == ["1.000", "2", "five"]
    assert len(lines) == 2
    printed(capsys, "embed", "masked", "lines.txt", "--out", "v.npy")
    words = ("search", "masked", "lines.txt", "five", "--vectors", "v.npy", "--json")
    found = json.loads(printed(capsys, *words))
    assert found["texts"] == len(found["nearest"]) == 4
    assert found["nearest"][0]["place"] == 2
    vectors = np.load("v.npy")
    vectors = vectors - vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = vectors @ vectors[1]
    assert [line["place"] - 1 for line in found["nearest"]] == np.argsort(-scores).tolist()
    assert [line["score"] for line in found["nearest"]] == pytest.approx(
        sorted(scores, reverse=True), abs=1e-3
    )


def test_what_cannot_be_searched(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the query is empty" in refused(capsys, "search", "masked", "lines.txt", " ")
    np.save("v.npy", np.zeros((3, 16)))
    words = ("search", "masked", "lines.txt", "a", "--vectors", "v.npy")
    assert "shape (3, 16), and 4 texts need (4, 16)" in refused(capsys, *words)
    printed(capsys, "embed", "masked", "lines.txt", "--out", "v.npy")
    vectors = np.load("v.npy")
    np.save("v.npy", vectors[::-1])
    assert "holds vectors of other texts or by another run" in refused(capsys, *words)
    vectors[-1] = vectors[0]  # the last text has changed
    np.save("v.npy", vectors)
    assert "holds vectors of other texts or by another run" in refused(capsys, *words)
