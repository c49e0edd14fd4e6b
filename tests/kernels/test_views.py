"""Views that lie in memory in unusual ways: kernels that go by strides must take them, too."""

from __future__ import annotations

import numpy as np
import pytest

from minilm.kernels import attention, linear
from minilm.reference import attention as attention_reference
from minilm.reference import linear as reference

LAYOUTS = {
    "rows reversed": lambda x: x[..., ::-1, :].copy()[..., ::-1, :],
    "columns reversed": lambda x: x[..., ::-1].copy()[..., ::-1],
    "transposed and reversed": lambda x: np.ascontiguousarray(
        x[..., ::-1].swapaxes(-1, -2)
    ).swapaxes(-1, -2)[..., ::-1],
    "in records": lambda x: in_records(x),
    "read only": lambda x: read_only(x),
}


def in_records(x):
    record = np.zeros(x.shape[:-1], [("a", "u2"), ("b", x.dtype, x.shape[-1:])])
    record["b"] = x
    return record["b"]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_of_any_layout(layout):
    generator = np.random.default_rng(0)
    x, weight = (generator.integers(-8, 9, s).astype(np.float32) for s in ((30, 40), (40, 37)))
    view = LAYOUTS[layout](weight)
    np.testing.assert_array_equal(view, weight)
    y, saved = linear.forward(x, view)
    np.testing.assert_array_equal(y, x @ weight)
    np.testing.assert_array_equal(linear.backward(y, saved)[0], y @ weight.T)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arguments_of_attention_of_any_layout(layout):
    generator = np.random.default_rng(0)
    q, k, v, dy = generator.standard_normal((4, 1, 2, 9, 6))
    expected, saved = attention_reference.forward(q, k, v)
    gradients = attention_reference.backward(dy, saved)
    q, k, v, dy = (LAYOUTS[layout](x) for x in (q, k, v, dy))
    y, saved = attention.forward(q, k, v)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    for a, b in zip(attention.backward(dy, saved), gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3)])
def test_no_rows(shape):
    y, saved = linear.forward(np.zeros(shape), np.ones((3, 5)), np.ones(5))
    assert y.shape == (*shape[:-1], 5)
    assert linear.backward(y, saved)[0].shape == shape


@pytest.mark.parametrize("layout", [lambda x: x[::2, ::2], lambda x: x[6::-2, ::2]])
def test_out_with_gaps_in_both_axes(layout):
    generator = np.random.default_rng(0)
    x, weight, dy = (generator.integers(-8, 9, s) * 1.0 for s in ((9, 4), (4, 5), (9, 5)))
    _, saved = linear.forward(x, weight)
    out = layout(np.zeros((8, 10)))
    linear.backward(dy, saved, (out, None))
    np.testing.assert_array_equal(out, reference.backward(dy, saved)[1])


@pytest.mark.parametrize("types", [(np.float32, np.float64), (int, int), (np.float16, np.float16)])
def test_mixed_and_other_types(types):
    """The reference takes them, as NumPy does."""
    x, weight, dy = np.ones((2, 3), types[0]), np.ones((3, 2), types[1]), np.ones((2, 2), types[1])
    y, saved = linear.forward(x, weight)
    expected, reference_saved = reference.forward(x, weight)
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y, expected)
    gradients = linear.backward(dy, saved)[:2]
    for a, b in zip(gradients, reference.backward(dy, reference_saved), strict=False):
        np.testing.assert_array_equal(a, b)
