from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import rms_norm


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4), max_size=2), st.integers(1, 9), st.integers(0, 2**32))
def test_gradients(leading, n_channels, seed):
    normal = np.random.default_rng(seed).standard_normal
    args = (normal((*leading, n_channels)), normal(n_channels))
    # A large eps: rows that happen to be nearly zero would need a smaller step.
    report = gradcheck(rms_norm.forward, rms_norm.backward, args, kwargs={"eps": 0.1}, seed=seed)
    assert report.ok, f"\n{report}"


def test_against_the_definition():
    normal = np.random.default_rng(0).standard_normal
    x, weight = normal((3, 7)), normal(7)
    y, _ = rms_norm.forward(x, weight, eps=1e-3)
    for row in range(3):
        rms = math.sqrt(math.fsum(value**2 for value in x[row]) / 7 + 1e-3)
        np.testing.assert_allclose(y[row], x[row] / rms * weight, rtol=1e-12)


def test_default_eps():
    y, _ = rms_norm.forward(np.array([[0.001, 0.001]]), np.ones(2))
    np.testing.assert_allclose(y, 0.001 / (1e-6 + 1e-5) ** 0.5, rtol=1e-12)


def test_a_vector_of_float32_stays_float32():
    x, weight = np.array([1, 2, 4], np.float32), np.ones(3, np.float32)
    y, saved = rms_norm.forward(x, weight)
    assert {a.dtype for a in (y, saved.rstd, *rms_norm.backward(y, saved))} == {x.dtype}


def test_a_row_of_zeros():
    y, saved = rms_norm.forward(np.zeros((1, 3)), np.ones(3))
    dx, dweight = rms_norm.backward(np.ones((1, 3)), saved)
    assert not y.any()
    assert not dweight.any()
    np.testing.assert_allclose(dx, 1e-5**-0.5)


@pytest.mark.oracle
def test_against_torch():
    torch = pytest.importorskip("torch")
    normal = np.random.default_rng(2).standard_normal
    arrays, dy = (normal((2, 3, 5)), normal(5)), normal((2, 3, 5))
    x, weight = (torch.tensor(a, requires_grad=True) for a in arrays)
    expected = torch.nn.functional.rms_norm(x, (5,), weight, eps=1e-5)
    expected.backward(torch.tensor(dy))
    y, saved = rms_norm.forward(*arrays)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-11)
    for gradient, tensor in zip(rms_norm.backward(dy, saved), (x, weight), strict=True):
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-9, atol=1e-12)


def test_backward_onto_what_is_there():
    normal = np.random.default_rng(3).standard_normal
    dy, onto = normal((2, 3, 5)), normal((2, 3, 5))
    _, saved = rms_norm.forward(normal((2, 3, 5)), normal(5))
    alone, *gradients = rms_norm.backward(dy, saved)
    kept = onto.copy()
    dx, *same = rms_norm.backward(dy, saved, onto)
    np.testing.assert_allclose(dx, onto + alone, rtol=1e-14)
    np.testing.assert_array_equal(onto, kept)
    for a, b in zip(same, gradients, strict=True):
        np.testing.assert_array_equal(a, b)
