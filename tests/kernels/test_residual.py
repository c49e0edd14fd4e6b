from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import residual
from minilm.reference import residual as reference


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 5), max_size=3),
    st.sampled_from([np.float32, np.float64, np.int64]),
    st.integers(0, 2**32),
)
def test_equals_the_reference(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    x, h = (np.asarray(100 * rng.normal(size=shape)).astype(dtype) for _ in range(2))
    before = x.copy(), h.copy()
    y = residual.add(x, h)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, reference.add(x, h))
    np.testing.assert_array_equal((x, h), before)


@pytest.mark.parametrize("n", [199_999, 200_001, 400_003])
def test_large_sums_of_any_layout(n):
    rng = np.random.default_rng(n)
    x, h = rng.normal(size=(2, n)).astype(np.float32), rng.normal(size=(n, 2)).astype(np.float32)
    np.testing.assert_array_equal(residual.add(x, h.T), x + h.T)
