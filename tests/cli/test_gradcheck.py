"""``minilm gradcheck``: the table, and that a wrong gradient fails it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from minilm.cli.main import main
from minilm.gradient_check import TOLERANCE
from minilm.gradient_report import Row
from minilm.reference import gelu


def checked(capsys, *words, code=0):
    assert main(["gradcheck", *words]) == code
    return capsys.readouterr().out


def test_the_table_has_a_line_for_each_argument_and_a_column_for_each_twin(capsys):
    lines = checked(capsys, "softmax", "layer_norm").splitlines()
    assert lines[0].split() == ["operation", "argument", "reference", "kernels"]
    cells = [line.split() for line in lines[1:5]]
    assert [row[:2] for row in cells[:2]] == [["softmax", "x"], ["layer_norm", "x"]]
    assert cells[0][3] == "-", "softmax has no kernel"
    assert all(float(cell) < 1e-8 for row in cells for cell in row[-2:] if cell[0].isdigit())
    assert lines[-1].endswith(f" checks, all within {TOLERANCE:g}")


def test_one_twin_and_its_cases(capsys):
    out = checked(capsys, "gelu", "--twin", "kernels", "--cases")
    assert out.startswith("gelu, kernels\n")
    assert "reference" not in out
    assert out.count(" ok\n") > 1


@pytest.mark.parametrize("as_json", [False, True])
def test_a_wrong_sign_fails(as_json, capsys, monkeypatch):
    right = gelu.backward
    monkeypatch.setattr(gelu, "backward", lambda dy, saved: np.negative(right(dy, saved)))
    words = ["gelu", "--twin", "reference", *(["--json"] if as_json else [])]
    out = checked(capsys, *words, code=1)
    if as_json:
        result = json.loads(out)
        assert result["ok"] is False
        assert not any(row["ok"] for row in result["checks"])
    else:
        assert " FAILED\n" in out
        assert "FAILED gelu, reference, " in out
        assert "checks failed" in out.splitlines()[-1]


def test_the_table_shows_the_worst_case(capsys, monkeypatch):
    rows = [Row("x", (2,), error, 1.0, case=str(error)) for error in (1e-12, 3e-10, 2e-11)]
    monkeypatch.setattr("minilm.gradient_check.check_operation", lambda *args: rows)
    assert "x             3.0e-10    3.0e-10" in checked(capsys, "gelu")


def test_json_has_every_check(capsys):
    result = json.loads(checked(capsys, "gelu", "--json"))
    assert result["ok"] is True
    assert {row["twin"] for row in result["checks"]} == {"reference", "kernels"}
    assert all(row["relative_error"] <= result["tolerance"] for row in result["checks"])


def test_the_seed_changes_the_arguments(capsys):
    def errors(seed):
        words = ("gelu", "--twin", "reference", "--json", "--seed", seed)
        return [row["relative_error"] for row in json.loads(checked(capsys, *words))["checks"]]

    assert errors("1") == errors("1") != errors("2")
