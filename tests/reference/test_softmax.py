from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import softmax


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 4), max_size=2),
    st.integers(1, 7),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
def test_gradients(leading, n_scores, masked, seed):
    rng = np.random.default_rng(seed)
    x = 2 * rng.standard_normal((*leading, n_scores))
    x[rng.random(x.shape) < masked] = -np.inf
    report = gradcheck(softmax.forward, softmax.backward, [x], seed=seed)
    assert report.ok, f"\n{report}"


def test_known_values():
    y, _ = softmax.forward(np.array([[0, math.log(2), math.log(5)], [7, 7, 7]]))
    np.testing.assert_allclose(y, [[1 / 8, 2 / 8, 5 / 8], [1 / 3] * 3], rtol=1e-14)


@pytest.mark.parametrize("offset", [1e4, -1e4])
def test_extremes(offset):
    x = np.array([[0, 1], [0, -1e4]], np.float32) + np.float32(offset)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, saved = softmax.forward(x)
        dx = softmax.backward(np.array([[1, 2], [3, 4]], np.float32), saved)
    np.testing.assert_allclose(y, [[1 / (1 + math.e), 1 / (1 + 1 / math.e)], [1, 0]], rtol=1e-6)
    assert np.isfinite(dx).all()
    assert y.dtype == dx.dtype == np.float32


def test_rows_where_nothing_is_allowed():
    x = np.array([[-np.inf, -np.inf], [-np.inf, 3.0]])
    with np.errstate(all="raise"):
        y, saved = softmax.forward(x)
        dx = softmax.backward(np.array([[1.0, 2.0], [3.0, 4.0]]), saved)
    assert y.tolist() == [[0, 0], [0, 1]]
    assert not dx.any()


def test_no_scores_at_all():
    assert softmax.forward(np.zeros((3, 0)))[0].shape == (3, 0)


@pytest.mark.oracle
def test_against_torch():
    torch = pytest.importorskip("torch")
    normal = np.random.default_rng(0).standard_normal
    array, dy = 3 * normal((2, 3, 9)), normal((2, 3, 9))
    x = torch.tensor(array, requires_grad=True)
    expected = torch.softmax(x, dim=-1)
    expected.backward(torch.tensor(dy))
    y, saved = softmax.forward(array)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-12)
    np.testing.assert_allclose(softmax.backward(dy, saved), x.grad, rtol=1e-10, atol=1e-15)
