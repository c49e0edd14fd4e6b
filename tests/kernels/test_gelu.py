from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import gelu
from minilm.reference import gelu as reference


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 5), max_size=2),
    st.sampled_from([2, 4, 6, 16, 34, 130]),
    st.sampled_from([0.1, 1.0, 30.0]),
    st.sampled_from([(np.float64, 1e-14), (np.float32, 1e-6)]),
    st.integers(0, 2**32),
)
def test_equals_the_reference(shape, n_channels, size, kind, seed):
    generator = np.random.default_rng(seed)
    dtype, tolerance = kind
    x = (size * generator.standard_normal((*shape, n_channels))).astype(dtype)
    y, saved = gelu.forward(x)
    expected_y, expected = reference.forward(x)
    dy = generator.standard_normal(y.shape).astype(dtype)
    dx, expected_dx = gelu.backward(dy, saved), reference.backward(dy, expected)
    for a, b in ((y, expected_y), (dx, expected_dx)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 6e-7)])
@pytest.mark.parametrize("approximate", ["tanh", "none"])
@pytest.mark.parametrize("n", [41, 100_001])
def test_both_forms(n, approximate, dtype, tolerance):
    x = np.linspace(-20, 20, n).astype(dtype)
    y, saved = gelu.forward(x, approximate)
    # In float64 also for float32, where the reference itself is wrong by 2e-6 near x = 5.
    expected_y, expected = reference.forward(x.astype(np.float64), approximate)
    dy = np.cos(np.arange(n)).astype(dtype)
    assert (np.abs(y - expected_y) <= tolerance * np.abs(x)).all()
    dx, expected_dx = gelu.backward(dy, saved), reference.backward(dy, expected)
    np.testing.assert_allclose(dx, expected_dx, rtol=0, atol=tolerance)


@pytest.mark.parametrize("approximate", ["tanh", "none"])
def test_a_square_that_overflows(approximate):
    x = np.array([-1e30, -1e20, 1e20, 1e30], np.float32)
    y, saved = gelu.forward(x, approximate)
    np.testing.assert_array_equal(y, [0, 0, *x[2:]])
    np.testing.assert_array_equal(gelu.backward(np.ones_like(x), saved), [0, 0, 1, 1])


def test_an_unknown_form():
    with pytest.raises(ValueError, match="approximate"):
        gelu.forward(np.zeros(3), "erf")
