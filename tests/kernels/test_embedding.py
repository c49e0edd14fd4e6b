from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import embedding
from minilm.reference import embedding as reference


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 9), max_size=2),
    st.integers(1, 5),
    st.sampled_from([1, 3, 63, 64, 65, 130]),
    st.sampled_from([np.uint16, np.int32, np.int64]),
    st.integers(0, 2**32),
)
def test_equals_the_reference(shape, n_rows, n_channels, kind, seed):
    generator = np.random.default_rng(seed)
    ids = np.asarray(generator.integers(0, n_rows, shape)).astype(kind)
    weight = generator.standard_normal((n_rows, n_channels))
    dy = generator.standard_normal((*ids.shape, n_channels))
    y, saved = embedding.forward(ids, weight)
    np.testing.assert_array_equal(y, weight[ids])
    expected = reference.backward(dy, saved)
    np.testing.assert_allclose(embedding.backward(dy, saved), expected, rtol=0, atol=1e-13)

    for out in (weight.copy(), np.array(weight, order="F")):
        assert embedding.backward(dy, saved, out) is out
        np.testing.assert_allclose(out, weight + expected, rtol=0, atol=1e-13)


def test_adding_into_the_table_needs_no_second_table():
    ids, dy, table = np.array([3, 1]), np.ones((2, 20)), np.zeros((5000, 20))
    _, saved = embedding.forward(ids, table)
    embedding.backward(dy, saved, table)  # compiled by now
    tracemalloc.start()
    embedding.backward(dy, saved, table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < table.nbytes / 2


@pytest.mark.parametrize("wrong", [-1, 3])
def test_an_id_outside_the_table(wrong):
    with pytest.raises(IndexError, match="the table has rows 0"):
        embedding.forward(np.array([0, wrong]), np.zeros((3, 2)))
