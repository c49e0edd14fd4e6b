from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import gelu

FORMULAS = {
    "none": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "tanh": lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
}


@settings(max_examples=25)
@given(
    st.sampled_from(sorted(FORMULAS)),
    st.lists(st.integers(1, 4), max_size=3),
    st.integers(0, 2**32),
)
def test_gradients(approximate, shape, seed):
    x = np.asarray(2 * np.random.default_rng(seed).standard_normal(shape))
    kwargs = {"approximate": approximate}
    report = gradcheck(gelu.forward, gelu.backward, [x], kwargs=kwargs, seed=seed)
    assert report.ok, f"\n{report}"


@pytest.mark.parametrize("approximate", sorted(FORMULAS))
def test_against_the_formula(approximate):
    x = np.linspace(-4, 4, 81)
    y, _ = gelu.forward(x, approximate)
    expected = [FORMULAS[approximate](value) for value in x]
    np.testing.assert_allclose(y, expected, rtol=1e-11, atol=1e-16)


def test_gpt2s_is_the_default_and_close_to_the_exact():
    x = np.linspace(-8, 8, 1601)
    default, tanh, exact = (
        gelu.forward(x)[0],
        gelu.forward(x, "tanh")[0],
        gelu.forward(x, "none")[0],
    )
    assert np.array_equal(default, tanh)
    assert 1e-4 < np.max(np.abs(tanh - exact)) < 5e-4


def test_exact_keeps_the_left_tail():
    y, _ = gelu.forward(np.array([-10.0]), "none")
    np.testing.assert_allclose(y, -10 * 7.61985302416053e-24, rtol=1e-12)


@pytest.mark.parametrize("approximate", sorted(FORMULAS))
def test_extremes(approximate):
    x = np.array([-1e4, 1e4, 0], np.float32)
    with np.errstate(over="raise", invalid="raise"):
        y, saved = gelu.forward(x, approximate)
        dx = gelu.backward(np.ones_like(x), saved)
    assert y.tolist() == [0, 1e4, 0]
    assert dx.tolist() == [0, 1, 0.5]


def test_unknown_approximation():
    with pytest.raises(ValueError, match="'erf'"):
        gelu.forward(np.ones(2), "erf")


@pytest.mark.oracle
@pytest.mark.parametrize("approximate", sorted(FORMULAS))
def test_against_torch(approximate):
    torch = pytest.importorskip("torch")
    normal = np.random.default_rng(0).standard_normal
    array, dy = 2 * normal((3, 50)), normal((3, 50))
    x = torch.tensor(array, requires_grad=True)
    expected = torch.nn.functional.gelu(x, approximate=approximate)
    expected.backward(torch.tensor(dy))
    y, saved = gelu.forward(array, approximate)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(gelu.backward(dy, saved), x.grad, rtol=1e-10, atol=1e-14)
