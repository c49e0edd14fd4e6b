from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import layer_norm


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, 4), max_size=2),
    st.integers(1, 9),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_gradients(leading, n_channels, with_bias, seed):
    normal = np.random.default_rng(seed).standard_normal
    bias = normal(n_channels) if with_bias else None
    args = (normal((*leading, n_channels)), normal(n_channels), bias)
    # A large eps: rows that happen to be nearly constant would need a smaller step.
    report = gradcheck(
        layer_norm.forward, layer_norm.backward, args, kwargs={"eps": 0.1}, seed=seed
    )
    assert report.ok, f"\n{report}"
    assert len(report.rows) == 2 + with_bias


def test_against_the_definition():
    normal = np.random.default_rng(0).standard_normal
    x, weight, bias = normal((3, 7)), normal(7), normal(7)
    y, _ = layer_norm.forward(x, weight, bias, eps=1e-3)
    for row in range(3):
        mean = statistics.fmean(x[row])
        deviation = (statistics.pvariance(x[row].tolist()) + 1e-3) ** 0.5
        expected = [(x[row, c] - mean) / deviation * weight[c] + bias[c] for c in range(7)]
        np.testing.assert_allclose(y[row], expected, rtol=1e-12)


def test_default_eps():
    x = np.array([[-0.001, 0.001]])
    y, _ = layer_norm.forward(x, np.ones(2))
    np.testing.assert_allclose(y, x / (1e-6 + 1e-5) ** 0.5, rtol=1e-12)


def test_float32_far_from_zero_keeps_its_variance():
    x = (1000 + np.random.default_rng(1).standard_normal((4, 256))).astype(np.float32)
    y, saved = layer_norm.forward(x, np.ones(256, np.float32))
    exact, _ = layer_norm.forward(x.astype(np.float64), np.ones(256))
    assert y.dtype == saved.rstd.dtype == np.float32
    assert saved.mean.dtype == np.float64
    assert saved.mean.shape == saved.rstd.shape == (4,)
    # mean(x^2) - mean(x)^2 would leave nothing of a variance of 1 beside 10^6.
    assert np.max(np.abs(y - exact)) < 1e-6


def test_a_vector_of_float32_stays_float32():
    x, weight = np.array([1, 2, 4], np.float32), np.ones(3, np.float32)
    y, saved = layer_norm.forward(x, weight, weight)
    dtypes = {a.dtype for a in (y, saved.rstd, *layer_norm.backward(y, saved))}
    assert dtypes == {np.dtype(np.float32)}


@pytest.mark.oracle
def test_against_torch():
    torch = pytest.importorskip("torch")
    normal = np.random.default_rng(2).standard_normal
    arrays, dy = (normal((2, 3, 5)), normal(5), normal(5)), normal((2, 3, 5))
    x, weight, bias = (torch.tensor(a, requires_grad=True) for a in arrays)
    expected = torch.nn.functional.layer_norm(x, (5,), weight, bias, eps=1e-5)
    expected.backward(torch.tensor(dy))
    y, saved = layer_norm.forward(*arrays)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-11)
    for gradient, tensor in zip(layer_norm.backward(dy, saved), (x, weight, bias), strict=True):
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-9, atol=1e-12)


def test_backward_onto_what_is_there():
    normal = np.random.default_rng(3).standard_normal
    dy, onto = normal((2, 3, 5)), normal((2, 3, 5))
    _, saved = layer_norm.forward(normal((2, 3, 5)), normal(5), normal(5))
    alone, *gradients = layer_norm.backward(dy, saved)
    kept = onto.copy()
    dx, *same = layer_norm.backward(dy, saved, onto)
    np.testing.assert_allclose(dx, onto + alone, rtol=1e-14)
    np.testing.assert_array_equal(onto, kept)
    for a, b in zip(same, gradients, strict=True):
        np.testing.assert_array_equal(a, b)
