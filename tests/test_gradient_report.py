from __future__ import annotations

import numpy as np

from minilm.gradient_check import Report, Row, table


def test_table():
    rows = [Row("x", (2, 3), 1e-12, 0.5, case="plain"), Row("w", (), np.inf, problem="is NaN")]
    lines = str(Report(rows)).splitlines()
    assert lines[0].split() == ["case", "argument", "shape", "largest", "error"]
    assert lines[1].split() == ["plain", "x", "(2,", "3)", "0.5", "1.0e-12", "ok"]
    assert lines[2].endswith("inf  FAILED: is NaN")
    assert table(rows) == str(Report(rows))
    assert len(table([]).splitlines()) == 1


def test_empty_report_is_ok():
    assert Report([]).ok
    assert Report([]).worst == 0
