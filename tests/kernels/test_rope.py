from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import rope
from minilm.reference import rope as reference


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 9)),
    st.sampled_from([2, 4, 6, 32, 66]),
    st.sampled_from([0, 1, 5, 16]),
    st.integers(0, 5000),
    st.sampled_from([(np.float64, 1e-15), (np.float32, 3e-7)]),
)
def test_equals_the_reference(shape, n_channel, n_still, start, kind):
    dtype, tolerance = kind
    n_batch, n_head, n_query = shape
    # Heads of a fused array: (B, T, H + 2, D) with the axes exchanged.
    fused = (n_batch, n_query, n_head + 2, n_channel + n_still)
    x = np.random.default_rng(0).standard_normal(fused).astype(dtype)
    x = x.transpose(0, 2, 1, 3)[:, 1 : n_head + 1]
    cos, sin = reference.tables(
        reference.frequencies(n_channel, 500.0), n_query, start, dtype=dtype
    )
    y, saved = rope.forward(x, cos, sin)
    expected, _ = reference.forward(x, cos, sin)
    scale = np.abs(x).max()
    np.testing.assert_allclose(y, expected, rtol=0, atol=2 * tolerance * scale)
    np.testing.assert_allclose(rope.backward(y, saved), x, rtol=0, atol=4 * tolerance * scale)
    assert y.transpose(0, 2, 1, 3).flags.c_contiguous


def test_tables_that_do_not_fit():
    cos, sin = rope.tables(rope.frequencies(4), 1)
    with pytest.raises(ValueError, match="do not fit"):
        rope.forward(np.zeros((1, 1, 1, 3)), cos, sin)
