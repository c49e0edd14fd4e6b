from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import dropout, philox


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 5), max_size=3),
    st.floats(0, 0.9),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32),
)
def test_gradients(shape, p, key, seed):
    x = np.asarray(np.random.default_rng(seed).standard_normal(shape))
    report = gradcheck(dropout.forward, dropout.backward, (x, p, key), seed=seed)
    assert report.ok, f"\n{report}"


def test_dropped_or_scaled():
    x = np.random.default_rng(0).standard_normal((4, 5, 6))
    y, _ = dropout.forward(x, 0.25, key=11)
    keep = philox.keep_elements(x.shape, 0.25, key=11)
    np.testing.assert_allclose(y, np.where(keep, x / 0.75, 0), rtol=1e-14)
    assert 0 < keep.sum() < x.size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_dropped_element_is_zero_whatever_it_was(dtype):
    """The mask chooses: as a factor it would make NaN of what is not finite."""
    x = np.tile(np.array([np.inf, -np.inf, np.nan, 1.0], dtype), 16)
    y, saved = dropout.forward(x, 0.5, key=7)
    dropped = ~philox.keep_elements(x.shape, 0.5, key=7)
    assert dropped.reshape(-1, 4).any(axis=0).all()
    np.testing.assert_array_equal(y, np.where(dropped, 0, 2 * x))
    np.testing.assert_array_equal(dropout.backward(x, saved), y)


def test_expected_value_is_kept():
    n, p = 100_000, 0.3
    y, _ = dropout.forward(np.ones(n), p, key=5)
    assert abs(y.mean() - 1) < 5 * (p / (1 - p) / n) ** 0.5


def test_no_dropout_is_the_identity():
    x = np.random.default_rng(1).standard_normal((3, 4))
    y, saved = dropout.forward(x, 0.0, key=1)
    assert np.array_equal(y, x)
    assert np.array_equal(dropout.backward(x, saved), x)


def test_other_key_other_mask():
    x = np.ones(64)
    masks = {dropout.forward(x, 0.5, key)[0].tobytes() for key in (0, 1, 2**32, 2**63)}
    assert len(masks) == 4


def test_layout_in_memory_does_not_matter():
    x = np.random.default_rng(2).standard_normal((5, 4, 3)).transpose(2, 0, 1)
    y, _ = dropout.forward(x, 0.5, key=3)
    np.testing.assert_array_equal(y, dropout.forward(x.copy(), 0.5, key=3)[0])


def test_float32_stays_float32_whatever_p_is():
    x = np.ones((2, 3), np.float32)
    for p in (0.5, np.float64(0.5), np.float32(0.5)):
        y, saved = dropout.forward(x, p, key=1)
        assert y.dtype == dropout.backward(x, saved).dtype == np.float32


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_impossible_probabilities(p):
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        dropout.forward(np.ones(3), p, key=1)
