"""Attention in mixed precision: where rounding changes nothing it is attention, elsewhere it
errs by what bfloat16 allows, and a query that sees one key has no gradient of its score."""

from __future__ import annotations

import numpy as np
import pytest

from minilm.reference import attention, attention_bf16
from minilm.reference.linear_bf16 import rounded

OPTIONS = [
    {},
    {"causal": True},
    {"causal": True, "dropout": 0.3, "key": 5},
    {"key_mask": np.array([[True, False, True, True, True], [False] * 5])},
    {"first_key": np.array([[0, 1, 1, 3, 4], [0, 0, 2, 2, 2]]), "causal": True},
]


def arguments(dtype=np.float32, n_kv_head=2):
    generator = np.random.default_rng(0)
    shapes = ((2, 4, 5, 6), (2, n_kv_head, 5, 6), (2, n_kv_head, 5, 6), (2, 4, 5, 6))
    return [generator.standard_normal(shape).astype(dtype) for shape in shapes]


def relative(a, b):
    return abs(a - b).max() / abs(b).max()


@pytest.mark.parametrize("options", OPTIONS)
def test_it_errs_by_no_more_than_rounding(options):
    q, k, v, dy = arguments()
    y, saved = attention_bf16.forward(q, k, v, **options)
    exact, s = attention.forward(*(x.astype(float) for x in (q, k, v)), **options)
    gradients = attention_bf16.backward(dy, saved)
    for found, wanted in zip(
        (y, *gradients), (exact, *attention.backward(dy.astype(float), s)), strict=True
    ):
        assert 1e-4 < relative(found, wanted) < 2e-2
        assert found.dtype == np.float32
    assert saved.q is q
    assert saved.v is v


def test_float64_is_attention():
    q, k, v, dy = arguments(np.float64)
    y, saved = attention_bf16.forward(q, k, v, causal=True)
    np.testing.assert_array_equal(y, attention.forward(q, k, v, causal=True)[0])
    for found, wanted in zip(
        attention_bf16.backward(dy, saved), attention.backward(dy, saved), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


def test_what_enters_a_product_is_rounded():
    q, k, v, dy = arguments()
    y, saved = attention_bf16.forward(q, k, v, scale=0.0)  # all weights alike: exp(0) = 1
    np.testing.assert_allclose(y, np.repeat(rounded(v), 2, 1).mean(2, keepdims=True) + 0 * y)
    dv = attention_bf16.backward(dy, saved)[2]
    # Each weight is 1/5, which bfloat16 has not.
    fifth = float(rounded(np.array([0.2], np.float32))[0])
    expected = fifth * rounded(dy).sum(2, keepdims=True).reshape(2, 2, 2, 1, 6).sum(2)
    np.testing.assert_allclose(dv, expected + 0 * dv, rtol=1e-5, atol=1e-6)


def test_with_one_key_the_score_has_no_gradient():
    q, k, v, dy = arguments()
    _, saved = attention_bf16.forward(q, k[:, :, :1], v[:, :, :1])
    dq, dk, _ = attention_bf16.backward(dy, saved)
    assert abs(dq).max() < 1e-5
    assert abs(dk).max() < 1e-5


def test_out_is_written():
    q, k, v, dy = arguments()
    _, saved = attention_bf16.forward(q, k, v)
    out = tuple(np.full_like(x, np.nan) for x in (q, k, v))
    found = attention_bf16.backward(dy, saved, out)
    for a, b, c in zip(found, out, attention_bf16.backward(dy, saved), strict=True):
        assert a is b
        np.testing.assert_array_equal(b, c)
