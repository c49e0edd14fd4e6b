"""``minilm bench`` at a reduced size."""

import json
import sys

import pytest

from minilm.cli import bench
from minilm.errors import MinilmError


def test_it_measures_and_holds_against_the_limits(monkeypatch, capsys):
    monkeypatch.setattr(bench, "SHAPES", dict.fromkeys(bench.SHAPES, (1, 2, 16, 8, 2)))
    monkeypatch.setattr(bench, "WRITER", (1, 2, 16, 50))
    assert bench.Bench(seconds=0.01, json=True).run() == 0
    found = json.loads(capsys.readouterr().out)["measures"]
    assert set(found) == set(bench.MEASURES)
    assert all(row["value"] > 0 for row in found.values())
    assert found["training, small"]["of"] == "matrix products"
    assert found["writing, 8 texts"]["of"] == "reading memory"


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
