"""What the tests of all activations share."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

__all__ = ["agreement"]


def agreement(kernel: ModuleType, reference: ModuleType) -> Callable[[], None]:
    """A test that both twins of an activation give the same, forward and backward."""

    @settings(max_examples=40)
    @given(
        st.lists(st.integers(1, 5), max_size=2),
        st.sampled_from([2, 4, 6, 16, 34, 130]),
        st.sampled_from([0.1, 1.0, 30.0]),
        st.sampled_from([(np.float64, 1e-14), (np.float32, 1e-6)]),
        st.integers(0, 2**32),
    )
    def test(shape, n_channels, size, kind, seed):
        generator = np.random.default_rng(seed)
        dtype, tolerance = kind
        x = (size * generator.standard_normal((*shape, n_channels))).astype(dtype)
        y, saved = kernel.forward(x)
        expected_y, expected = reference.forward(x)
        dy = generator.standard_normal(y.shape).astype(dtype)
        dx, expected_dx = kernel.backward(dy, saved), reference.backward(dy, expected)
        for a, b in ((y, expected_y), (dx, expected_dx)):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())

    return test
