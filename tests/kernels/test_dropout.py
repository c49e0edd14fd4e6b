from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import dropout
from minilm.kernels.jit import kernel
from minilm.kernels.layout import CHUNK
from minilm.kernels.philox import key_words
from minilm.reference import dropout as reference
from minilm.reference import philox


@kernel()
def _drop_chunk(x, first, limit, scale, k0, k1, y):
    dropout._drop_chunk(x, first, limit, scale, k0, k1, y)


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 7), max_size=3),
    st.floats(0, 0.99),
    st.integers(0, 2**64 - 1),
    st.sampled_from([np.float32, np.float64]),
)
def test_equals_the_reference(shape, p, key, dtype):
    x = np.asarray(np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    y, saved = dropout.forward(x, p, key)
    expected, _ = reference.forward(x, p, key)
    np.testing.assert_array_equal(y == 0, expected == 0)
    np.testing.assert_allclose(y, expected, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(dropout.backward(x, saved), y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_dropped_element_is_zero_whatever_it_was(dtype):
    """The mask chooses: as a factor it would make NaN of what is not finite."""
    x = np.tile(np.array([np.inf, -np.inf, np.nan, 1.0], dtype), 16)
    y, saved = dropout.forward(x, 0.5, key=7)
    dropped = ~philox.keep_elements(x.shape, 0.5, key=7)
    assert dropped.reshape(-1, 4).any(axis=0).all()
    np.testing.assert_array_equal(y, np.where(dropped, 0, 2 * x))
    np.testing.assert_array_equal(dropout.backward(x, saved), y)


@pytest.mark.parametrize("extra", [-1, 0, 1, 2, 3])
def test_the_mask_goes_on_across_chunks(extra):
    x = np.ones(8 * CHUNK + extra, np.float32)
    y, _ = dropout.forward(x, 0.5, 2**40 + 1)
    expected, _ = reference.forward(x, 0.5, 2**40 + 1)
    np.testing.assert_array_equal(y, expected)


def test_an_element_is_dropped_if_its_word_is_below_the_threshold_and_not_if_equal():
    word = int(philox.philox4x32(0, 0, 0, 0, key=5)[0])
    assert dropout.forward(np.ones(1), word / 2**32, 5)[0] != 0
    assert dropout.forward(np.ones(1), (word + 1) / 2**32, 5)[0] == 0


def test_the_words_of_far_elements():
    """Past element 2^34 the number of the block needs a second word."""
    block, p = 3 * 2**32 + 5, 0.5
    kept, limit = np.zeros(7), np.uint32(philox.threshold(p))
    words = philox.element_words(np.arange(block, block + 2), key=2**40 + 9).reshape(-1)[:7]
    one, k0, k1 = 1.0, *key_words(2**40 + 9)
    _drop_chunk(np.ones(7), np.int64(block), limit, one, k0, k1, kept)
    np.testing.assert_array_equal(kept, words >= limit)


def test_a_wrong_probability():
    with pytest.raises(ValueError, match="must be in"):
        dropout.forward(np.ones(3), 1.0, 0)
