"""``minilm golden``: sizes first, then the file; and the check of a build."""

from __future__ import annotations

import io
import json
import os
import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from minilm.cli.main import main

TEXT = "the cat sat on the mat and the dog sat on the log\n" * 40
SIZES = ("--set=n_layer=1", "--set=n_head=2", "--set=n_embd=8", "--set=model.block_size=16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A text, and golden states of a small model on it."""
    folder = tmp_path_factory.mktemp("golden")
    (folder / "words.txt").write_text(TEXT)
    words = ["golden", *SIZES, "--data", str(folder / "words.txt"), "--steps", "2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.StringIO())
        assert main([*words, "--out", str(folder / "a.safetensors")]) == 0
    return folder


def ran(capsys, *words, code=0):
    assert main(["golden", *map(str, words)]) == code
    return capsys.readouterr().out


def names(path):
    with safe_open(path, "np") as file:
        return list(file.keys())


def test_sizes_are_told_before_the_file_is_written(folder, tmp_path, capsys, monkeypatch):
    from minilm.golden.recording import Recording

    def stop(self, path, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(Recording, "write", stop)
    path = tmp_path / "b.safetensors"
    out = ran(capsys, *SIZES, "--data", folder / "words.txt", "--out", path, code=130)
    assert out.startswith("docs-tour: ")
    assert "in float64, 3 sequences of 16 tokens, no dropout" in out
    assert "10 steps" in out
    assert not path.exists()


def test_the_table_adds_up(folder, tmp_path, capsys):
    path = tmp_path / "b.safetensors"
    words = (*SIZES, "--data", folder / "words.txt", "--out", path, "--steps", "1")
    out = ran(capsys, *words, "--batch-size", "2", "--positions", "5", "--dtype", "float32")
    rows = [line.split() for line in out.splitlines() if line.startswith("  ")]
    counts = [int(row[-3]) for row in rows[1:]]
    assert counts[-1] == sum(counts[:-1]) == len(names(path))
    assert f"minilm compare {path} PORT.safetensors" in out
    with safe_open(path, "np") as file:
        assert file.get_tensor("input.tokens").shape == (1, 2, 5)
        assert file.get_tensor("value.head").dtype == np.float32


def test_json_has_the_sizes(folder, tmp_path, capsys):
    path = tmp_path / "b.safetensors"
    words = (*SIZES, "--data", folder / "words.txt", "--out", path, "--steps", "0", "--json")
    found = json.loads(ran(capsys, *words))
    assert (found["file"], found["steps"], found["dtype"]) == (str(path), 0, "float64")
    assert sum(found["tensors"].values()) == len(names(path))
    assert "step" not in found["tensors"]
    assert sum(found["bytes"].values()) < os.path.getsize(path)


@pytest.mark.parametrize("twin", ["reference", "kernels"])
def test_a_check_that_passes(folder, twin, capsys):
    out = ran(capsys, "--check", folder / "a.safetensors", "--twin", twin)
    assert f"computed anew in float64 by {twin}" in out
    assert "all within 1e-09" in out


def test_a_check_that_fails_exits_with_1(folder, tmp_path, capsys):
    with safe_open(folder / "a.safetensors", "np") as file:
        tensors = {name: file.get_tensor(name) for name in names(folder / "a.safetensors")}
        metadata = file.metadata()
    tensors["value.blocks.0.norm_1"] = tensors["value.blocks.0.norm_1"] * 1.5
    save_file(tensors, tmp_path / "b", metadata)
    out = ran(capsys, "--check", tmp_path / "b", code=1)
    assert "the first to differ, in the order of computation, is value.blocks.0.norm_1\n" in out
    found = json.loads(ran(capsys, "--check", tmp_path / "b", "--json", code=1))
    assert found["ok"] is False
    assert found["first"]["name"] == "value.blocks.0.norm_1"
    assert found["first"]["hints"] == ["A is 1.5 times B"]
    assert found["groups"]["intermediates"]["n_parted"] == 1


def test_a_run(folder, tmp_path, capsys):
    run = tmp_path / "run"
    settings = ("training.steps=2", "evaluate_every=2", "estimate_windows=2", "batch_size=2")
    words = ["pretrain", "--quiet", *SIZES, *(f"--set={each}" for each in settings)]
    words += ["--set=sample.max_tokens=0", "--data", str(folder / "words.txt"), "--out", str(run)]
    assert main(words) == 0
    path = tmp_path / "b.safetensors"
    ran(capsys, run, "--out", path, "--steps", "1")
    with safe_open(path, "np") as file:
        assert "runs" not in file.metadata()["golden"]
        assert str(tmp_path) not in file.metadata()["golden"]
    ran(capsys, "--check", path)
    assert main(["golden", str(run), "--out", str(path), "--set", "n_layer=2"]) == 2
    assert "a run is taken as it is: leave out --set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--out FILE is missing"),
        (["--check", "none"], "cannot read none: no such file"),
        (["--check", "x", "--out", "y"], "leave out --out"),
        (["docs-tour", "--check", "x"], "leave out RECIPE"),
        (["--check", "x", "--steps", "1"], "leave out --steps"),
        (["--steps", "-1", "--out", "x"], "--steps -1: must be 0 or more"),
        (["--batch-size", "0", "--out", "x"], "'0' is below 1"),
        (["--positions", "200", "--out", "x"], "--positions 200: model.block_size is 128"),
        (["docs-tuor", "--out", "x"], "did you mean 'docs-tour'"),
        (["runs/none", "--out", "x"], "no run at runs"),
        (["none.toml", "--out", "x"], "cannot read recipe none.toml"),
        (["shakespeare-char", "--out", "x"], "--data"),
        (["--out", "no/such/x"], "no folder no"),
        (["--dtype", "float16", "--out", "x"], "--dtype"),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["golden", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1
    assert os.listdir(tmp_path) == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal_and_none_in_a_pipe(folder, tmp_path, capsys, monkeypatch):
    from minilm.cli.bar import Bar

    seen = []
    show = Bar.show
    monkeypatch.setattr(
        Bar, "show", lambda bar, *told, **how: seen.append(told) or show(bar, *told, **how)
    )
    monkeypatch.setenv("TERM", "xterm")
    path = tmp_path / "b.safetensors"
    words = ("golden", *SIZES, "--data", str(folder / "words.txt"), "--out", str(path), "--steps=2")
    for stream in (Terminal(), io.StringIO()):
        seen.clear()
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(words) == 0
        assert "step 2/2" in stream.getvalue() or not stream.isatty()
        assert not stream.getvalue() or stream.isatty()
        labels = list(dict.fromkeys(label for label, _ in seen))
        passes = ["parameters", "forward and backward", "loss", "gradients"]
        assert labels == [*passes, "step 1/2", "step 2/2"]
        shares = [share for _, share in seen]
        assert shares == sorted(shares)
        assert 0 < shares[0] < 0.2 < 0.8 < shares[-1] < 1
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(["golden", "--check", str(path)]) == 0
    assert "step 2" in sys.stderr.getvalue()
