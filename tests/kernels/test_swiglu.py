from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import swiglu
from minilm.reference import swiglu as reference


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
    y, saved = swiglu.forward(x)
    expected_y, expected = reference.forward(x)
    dy = generator.standard_normal(y.shape).astype(dtype)
    dx, expected_dx = swiglu.backward(dy, saved), reference.backward(dy, expected)
    for a, b in ((y, expected_y), (dx, expected_dx)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


def test_gates_wide_open_and_shut_do_not_overflow():
    x = np.array([[-3e4, 3e4, -90.0, 2.0, 2.0, 2.0]], np.float32)
    y, saved = swiglu.forward(x)
    np.testing.assert_allclose(y, [[0, 6e4, 0]], atol=1e-30)
    dx = swiglu.backward(np.ones_like(y), saved)
    np.testing.assert_allclose(dx, [[0, 2, 0, 0, 3e4, 0]], atol=1e-30)


def test_an_odd_number_of_channels():
    with pytest.raises(ValueError, match="3 is odd"):
        swiglu.forward(np.zeros((2, 3)))
