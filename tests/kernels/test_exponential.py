from __future__ import annotations

import numpy as np
from numba import njit

from minilm.kernels.exponential import exp, like, sigmoid


@njit
def _apply(x):
    e, s, slope = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    for i in range(x.size):
        e[i] = exp(x[i])
        s[i], slope[i] = sigmoid(x[i])
    return e, s, slope


def test_float32_is_accurate_to_two_units_in_the_last_place():
    x = np.concatenate([np.linspace(-87.3, 88, 300_001), np.linspace(-1, 1, 100_001)])
    x = x[np.float32(x) >= np.float32(-87.3)].astype(np.float32)
    e, s, slope = _apply(x)
    exact = np.exp(x.astype(np.float64))
    assert np.max(np.abs(e / exact - 1)) < 2 * 2.0**-24
    normal = np.abs(x) < 85
    assert np.max(np.abs(s / (exact / (1 + exact)) - 1)[normal]) < 6 * 2.0**-24
    assert np.max(np.abs(slope / (exact / (1 + exact) ** 2) - 1)[normal]) < 8 * 2.0**-24


def test_float64_is_exact():
    x = np.linspace(-700, 700, 10_001)
    e, s, slope = _apply(x)
    np.testing.assert_allclose(e, np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(s, 1 / (1 + np.exp(-x)), rtol=1e-14)
    np.testing.assert_allclose(slope, 1 / (2 + np.exp(x) + np.exp(-x)), rtol=1e-14)


def test_the_ends():
    x = np.array([np.nan, -np.inf, -1e30, -88, 0, -0.0, 1e30, np.inf], np.float32)
    e, s, slope = _apply(x)
    assert np.isnan(e[0])
    assert np.isnan(slope[0])
    np.testing.assert_allclose(slope[1:], [0, 0, 0, 0.25, 0.25, 0, 0], atol=1e-37)
    assert np.isnan(s[0])
    np.testing.assert_array_equal(e[1:6], [0, 0, 0, 1, 1])
    assert (e[6:] == np.inf).all()
    np.testing.assert_allclose(s[1:], [0, 0, 0, 0.5, 0.5, 1, 1], atol=1e-37)


def test_constants_do_not_widen():
    @njit
    def twice(x):
        return like(x, 2) * x

    assert twice.overloads == {}
    for x in (np.float32(1.5), np.float64(1.5)):
        assert twice(x) == 3
    kinds = [str(overload.signature.return_type) for overload in twice.overloads.values()]
    assert kinds == ["float32", "float64"]
    assert like(1.0, 2) == 2
    assert exp(0.0) == 1
