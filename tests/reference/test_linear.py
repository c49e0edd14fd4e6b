from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import linear

size = st.integers(1, 5)


@settings(max_examples=25)
@given(st.lists(size, max_size=2), size, size, st.booleans(), st.integers(0, 2**32))
def test_gradients(leading, n_in, n_out, with_bias, seed):
    normal = np.random.default_rng(seed).standard_normal
    bias = normal(n_out) if with_bias else None
    args = (normal((*leading, n_in)), normal((n_in, n_out)), bias)
    report = gradcheck(linear.forward, linear.backward, args, seed=seed)
    assert report.ok, f"\n{report}"
    assert len(report.rows) == 2 + with_bias


def test_against_loops():
    normal = np.random.default_rng(0).standard_normal
    x, weight, bias = normal((2, 3, 4)), normal((4, 5)), normal(5)
    y, _ = linear.forward(x, weight, bias)
    for b in range(2):
        for t in range(3):
            for o in range(5):
                expected = sum(x[b, t, i] * weight[i, o] for i in range(4)) + bias[o]
                assert y[b, t, o] == pytest.approx(expected, rel=1e-13)


def test_views_of_larger_arrays():
    normal = np.random.default_rng(1).standard_normal
    x, weight, dy = normal((4, 3, 2)).transpose(2, 1, 0), normal((6, 4)).T, normal((6, 3, 2)).T
    y, saved = linear.forward(x, weight)
    gradients = linear.backward(dy, saved)
    y_copy, saved_copy = linear.forward(x.copy(), weight.copy())
    gradients_copy = linear.backward(dy.copy(), saved_copy)
    np.testing.assert_allclose(y, y_copy, rtol=1e-12)
    np.testing.assert_allclose(gradients[0], gradients_copy[0], rtol=1e-12)
    np.testing.assert_allclose(gradients[1], gradients_copy[1], rtol=1e-12)


@pytest.mark.parametrize("n_rows", [127, 128, 129, 300])
def test_bias_gradient_of_many_rows(n_rows):
    """Whole blocks of rows, a rest, or both."""
    x, dy = np.ones((n_rows, 2)), np.random.default_rng(3).standard_normal((n_rows, 3))
    _, saved = linear.forward(x, np.ones((2, 3)), np.zeros(3))
    expected = [math.fsum(column) for column in dy.T]
    np.testing.assert_allclose(linear.backward(dy, saved)[2], expected, rtol=1e-12)


@pytest.mark.parametrize("with_bias", [True, False])
def test_out_is_added_into_and_returned(with_bias):
    normal = np.random.default_rng(4).standard_normal
    x, weight, dy = normal((2, 3, 4)), normal((4, 5)), normal((2, 3, 5))
    _, saved = linear.forward(x, weight, normal(5) if with_bias else None)
    dx, dweight, dbias = linear.backward(dy, saved)
    before, bias_before = normal((5, 4)).T, normal(5)  # the first as a tied head has it
    total, bias_total = before.copy(order="K"), bias_before.copy()
    found = linear.backward(dy, saved, out=(total, bias_total))
    np.testing.assert_array_equal(found[0], dx)
    assert found[1] is total
    np.testing.assert_allclose(total, before + dweight, rtol=1e-13)
    if with_bias:
        assert found[2] is bias_total
        np.testing.assert_allclose(bias_total, bias_before + dbias, rtol=1e-13)
    else:
        np.testing.assert_array_equal(bias_total, bias_before)
        linear.backward(dy, saved, out=(total, None))
        np.testing.assert_allclose(total, before + 2 * dweight, rtol=1e-13)


@pytest.mark.oracle
def test_against_torch():
    torch = pytest.importorskip("torch")
    normal = np.random.default_rng(2).standard_normal
    arrays = normal((2, 3, 4)), normal((4, 5)), normal(5)
    dy = normal((2, 3, 5))
    x, weight, bias = (torch.tensor(a, requires_grad=True) for a in arrays)
    expected = torch.nn.functional.linear(x, weight.T, bias)
    expected.backward(torch.tensor(dy))
    y, saved = linear.forward(*arrays)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-12)
    for gradient, tensor in zip(linear.backward(dy, saved), (x, weight, bias), strict=True):
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-12)


def test_onto_what_is_there():
    normal = np.random.default_rng(3).standard_normal
    x, weight, bias, onto = normal((2, 3, 4)), normal((4, 5)), normal(5), normal((2, 3, 5))
    kept = onto.copy()
    y, _ = linear.forward(x, weight, bias, onto)
    np.testing.assert_allclose(y, linear.forward(x, weight, bias)[0] + onto, rtol=1e-14)
    np.testing.assert_array_equal(onto, kept)
