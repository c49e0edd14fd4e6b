"""``minilm bench`` at a reduced size."""

import json
import sys

import pytest

from minilm.cli import bench
from minilm.cli.main import main
from minilm.errors import MinilmError


@pytest.fixture
def small(monkeypatch):
    """All shapes reduced."""
    monkeypatch.setattr(bench, "SHAPES", dict.fromkeys(bench.SHAPES, (1, 2, 16, 8, 2)))
    monkeypatch.setattr(bench, "WRITER", (1, 2, 16, 50))
    monkeypatch.setattr(bench, "ATTENTION", (1, 2, 16, 8))


@pytest.mark.usefixtures("small")
def test_it_measures_and_holds_against_the_limits(capsys):
    assert bench.Bench(seconds=0.01, json=True).run() == 0
    found = json.loads(capsys.readouterr().out)["measures"]
    assert set(found) == set(bench.MEASURES)
    assert all(row["value"] > 0 for row in found.values())
    assert found["training, small"]["of"] == "matrix products"
    assert found["writing, 8 texts"]["of"] == "reading memory"


@pytest.mark.usefixtures("small")
def test_pytorch_is_measured_beside(monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.setattr(bench, "MEASURES", dict(list(bench.MEASURES.items())[:1]))
    assert main(["bench", "--torch", "--seconds", "0.01"]) == 0
    out, err = capsys.readouterr()
    first, *rows = out.splitlines()
    assert first.startswith("minilm ")
    names = [row[2:32].strip() for row in rows if row]
    assert names == ["matrix products", "matrix products, PyTorch", "attention, PyTorch"]
    assert rows[-1].endswith("% of matrix products")
    assert all(len(row) <= 80 for row in rows)
    assert not err  # which is no terminal, so nothing is drawn


def test_an_interrupt_ends_it_in_one_line(monkeypatch, capsys):
    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "MEASURES", {"matrix products": interrupted})
    assert main(["bench"]) == 130
    out, err = capsys.readouterr()
    assert not out
    assert "Traceback" not in err


def test_shares_are_quotients(capsys):
    found = {
        "matrix products": {"value": 200.0},
        "reading memory": {"value": 50.0},
        "a": {"value": 1.0, "flops": 100.0},
        "b": {"value": 1.0, "bytes": 40.0},
    }
    bench._add_shares(found)
    assert (found["a"]["share"], found["b"]["share"]) == (0.5, 0.8)


def test_without_pytorch_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MinilmError, match="PyTorch is not installed"):
        bench.Bench(torch=True).run()
