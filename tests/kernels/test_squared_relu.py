from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import squared_relu
from minilm.reference import squared_relu as reference


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
    y, saved = squared_relu.forward(x)
    expected_y, expected = reference.forward(x)
    dy = generator.standard_normal(y.shape).astype(dtype)
    dx, expected_dx = squared_relu.backward(dy, saved), reference.backward(dy, expected)
    for a, b in ((y, expected_y), (dx, expected_dx)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())
