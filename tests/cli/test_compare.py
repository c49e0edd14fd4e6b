"""``minilm compare``: what it prints, and its exit codes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from minilm.cli.main import main
from tests.golden.configs import small_file, tensors

SCORES = "value.blocks.0.attention.scores"


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    return small_file(tmp_path_factory.mktemp("compare") / "a.safetensors")


@pytest.fixture(scope="module")
def port(golden):
    """Without the scale of the scores, and whatever follows from it."""
    found, _ = tensors(golden)
    found[SCORES] = found[SCORES] * np.sqrt(6)
    found["value.head"] = found["value.head"] + 0.125
    found["\x1b[31mextra"] = np.ones(3)
    path = golden.with_name("b.safetensors")
    save_file(found, path)
    return path


def ran(capsys, *words, code):
    assert main(["compare", *map(str, words)]) == code
    return capsys.readouterr().out


def test_alike(golden, capsys):
    assert "no tensor differs" in ran(capsys, golden, golden, code=0)
    assert json.loads(ran(capsys, golden, golden, "--json", code=0))["alike"] is True


def test_the_first_that_differs(golden, port, capsys):
    out = ran(capsys, golden, port, code=1)
    assert f"They part at {SCORES},\n" in out
    assert "hint        A is 0.4082 times B, which is 1/sqrt(6) = 1/sqrt(D)\n" in out
    assert "The last before it, value.blocks.0.attention.value, agrees to 1e-09." in out
    assert "value.head" not in out
    assert "\\x1b[31mextra" in out


def test_all_that_differ(golden, port, capsys):
    out = ran(capsys, golden, port, "--all", code=1)
    listed = [line.split()[-1] for line in out.partition("of each the error:")[2].splitlines()[2:]]
    assert listed == [SCORES, "value.head"]
    found = json.loads(ran(capsys, golden, port, "--all", "--json", code=1))
    assert [each["name"] for each in found["parted"]] == listed
    assert found["first"]["hints"] == ["A is 0.4082 times B, which is 1/sqrt(6) = 1/sqrt(D)"]


def test_the_tolerance(golden, port, capsys):
    ran(capsys, golden, port, "--tolerance", "10", code=0)
    out = ran(capsys, golden, port, "--tolerance", "0.5", "--all", code=1)
    assert "1 of " in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["A"], "B is missing"),
        (["A", "none"], "cannot read none: no such file"),
        (["B", "A"], "is not a golden file"),
        (["A", "A", "--tolerance", "0"], "is not above zero"),
        (["A", "A", "--tolerance", "nan"], "not a finite number"),
    ],
)
def test_mistakes_are_one_line(words, message, golden, port, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    paths = {"A": str(golden), "B": str(port)}
    assert main(["compare", *(paths.get(word, word) for word in words)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_truncated_file(golden, tmp_path, capsys):
    data = golden.read_bytes()
    for length in (0, 5, 50, len(data) // 2, len(data) - 1):
        (tmp_path / "b").write_bytes(data[:length])
        for words in ([golden, tmp_path / "b"], [tmp_path / "b", golden]):
            assert main(["compare", *map(str, words)]) == 2
            assert "is not a sound safetensors file" in capsys.readouterr().err
