from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import swiglu


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4), max_size=2), st.integers(1, 5), st.integers(0, 2**32))
def test_gradients(leading, n_hidden, seed):
    x = 2 * np.random.default_rng(seed).standard_normal((*leading, 2 * n_hidden))
    report = gradcheck(swiglu.forward, swiglu.backward, [x], seed=seed)
    assert report.ok, f"\n{report}"


def test_the_gate_is_the_first_half():
    x = np.array([[-1.5, 2.0, 3.0, -0.5]])
    y, _ = swiglu.forward(x)
    expected = [[-1.5 / (1 + math.exp(1.5)) * 3.0, 2.0 / (1 + math.exp(-2.0)) * -0.5]]
    np.testing.assert_allclose(y, expected, rtol=1e-14)


def test_extremes():
    x = np.array([-1e4, 1e4, 2, 3], np.float32)
    with np.errstate(over="raise", invalid="raise"):
        y, saved = swiglu.forward(x)
        dx = swiglu.backward(np.ones(2, np.float32), saved)
    assert y.tolist() == [0, 3e4]
    assert dx.tolist() == [0, 3, 0, 1e4]


def test_float32_keeps_the_left_tail():
    y, _ = swiglu.forward(np.array([-20, 1], np.float32))
    np.testing.assert_allclose(y, -20 * math.exp(-20), rtol=1e-5)


def test_odd_number_of_channels():
    with pytest.raises(ValueError, match="equal division"):
        swiglu.forward(np.ones((2, 3)))


@pytest.mark.oracle
def test_against_torch():
    torch = pytest.importorskip("torch")
    normal = np.random.default_rng(0).standard_normal
    array, dy = normal((3, 10)), normal((3, 5))
    x = torch.tensor(array, requires_grad=True)
    expected = torch.nn.functional.silu(x[:, :5]) * x[:, 5:]
    expected.backward(torch.tensor(dy))
    y, saved = swiglu.forward(array)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-12)
    np.testing.assert_allclose(swiglu.backward(dy, saved), x.grad, rtol=1e-11)
