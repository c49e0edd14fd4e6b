from __future__ import annotations

import numpy as np

from minilm.gradient_check import Report, Row, gradcheck, table

FINE = Row("x", (2, 3), 1e-12, 0.5, case="plain")
BROKEN = Row("bias", (), np.inf, problem="is NaN")


def test_table():
    assert table([FINE, BROKEN]).splitlines() == [
        "case   argument  shape   largest    error",
        "plain  x         (2, 3)      0.5  1.0e-12  ok",
        "       bias      ()            0      inf  FAILED: is NaN",
    ]


def test_table_without_cases():
    assert str(Report([BROKEN])).splitlines() == [
        "argument  shape  largest  error",
        "bias      ()           0    inf  FAILED: is NaN",
    ]


def test_verdict():
    assert Report([FINE]).ok
    assert not Report([FINE, BROKEN]).ok
    assert Report([FINE, Row("y", (), 1e-3)]).worst == 1e-3
    assert Report([FINE, BROKEN]).worst == np.inf


def test_nothing_to_report():
    assert Report([]).ok
    assert Report([]).worst == 0
    assert len(table([]).splitlines()) == 1


def test_all_zeros_are_equal():
    report = gradcheck(lambda x: (0 * x, x), lambda dy, x: 0 * x, [np.ones(3)], tolerance=0.0)
    assert report.ok
    assert report.worst == 0


def test_a_tiny_wrong_gradient_beside_a_large_y():
    """The floor of the scale forgives the rounding of y, not an error."""

    def forward(x):
        return 1 + 1e-4 * x, x

    assert gradcheck(forward, lambda dy, x: 1e-4 * dy, [np.ones(3)]).ok
    assert not gradcheck(forward, lambda dy, x: 1.00001e-4 * dy, [np.ones(3)]).ok


def test_rounding_noise_is_not_a_gradient():
    """Normalised, one channel is 1 whatever it was: only rounding is left to differentiate."""

    def forward(x):
        return 1e6 * x / np.sqrt(x * x), x

    report = gradcheck(forward, lambda dy, x: np.zeros_like(x), [np.linspace(1, 2, 50)])
    assert report.ok, f"\n{report}"


def test_the_place_of_a_number_without_axes_goes_without_saying():
    x = np.array(2.0)
    report = gradcheck(lambda x: (x * x, x), lambda dy, x: np.asarray(3 * x * dy), [x])
    assert "difference quotient" in report.rows[0].problem
    assert " at " not in report.rows[0].problem
