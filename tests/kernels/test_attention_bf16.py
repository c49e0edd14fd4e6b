"""The twins of attention in mixed precision, over shapes that no tile divides."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from minilm.kernels import attention, attention_bf16
from minilm.kernels.attention_few import FEW
from minilm.kernels.bfloat16_tiles import engines
from minilm.reference import attention as exact
from minilm.reference import attention_bf16 as reference
from minilm.reference.linear_bf16 import rounded

_MASK = np.random.default_rng(7).random((2, 101)) < 0.7
_MASK[1] = False
_FIRST = np.sort(np.random.default_rng(8).integers(0, 130, (2, 130)), axis=1)
_FIRST = np.minimum(_FIRST, np.arange(130))
CASES = {
    "one tile": ((2, 2, 64, 32), 2, 64, {}),
    "ragged, causal": ((2, 4, 70, 32), 2, 70, {"causal": True}),
    "few columns": ((1, 2, 37, 20), 1, 101, {"causal": True}),
    "many columns": ((1, 1, 33, 80), 1, 101, {}),
    "masked": ((2, 2, 40, 16), 2, 101, {"key_mask": _MASK}),
    "documents": ((2, 2, 130, 64), 1, 130, {"causal": True, "first_key": _FIRST}),
    "dropout": ((2, 2, 130, 64), 2, 130, {"causal": True, "dropout": 0.2, "key": 5}),
    "scale": ((1, 1, 65, 8), 1, 65, {"scale": 2.0}),
}  # fmt: skip


def arguments(shape, n_kv_head, n_key, dtype=np.float32):
    generator = np.random.default_rng(0)
    keys = (shape[0], n_kv_head, n_key, shape[3])
    return [generator.standard_normal(s).astype(dtype) for s in (shape, keys, keys, shape)]


def error(found, wanted):
    return abs(found - wanted).max() / max(abs(wanted).max(), 1e-30)


@pytest.mark.parametrize("which", [0, *engines()])
@pytest.mark.parametrize("name", CASES)
def test_twins(name, which, monkeypatch):
    monkeypatch.setattr(attention_bf16, "engine", lambda: which)
    shape, n_kv_head, n_key, options = CASES[name]
    q, k, v, dy = arguments(shape, n_kv_head, n_key)
    y, saved = attention_bf16.forward(q, k, v, **options)
    found = y, *attention_bf16.backward(dy, saved)
    expected, s = reference.forward(q, k, v, **options)
    twin = expected, *reference.backward(dy, s)
    true, s = exact.forward(*(x.astype(float) for x in (q, k, v)), **options)
    true = true, *exact.backward(dy.astype(float), s)
    np.testing.assert_allclose(saved.lse, s.lse, atol=0.05)
    for a, b, c in zip(found, twin, true, strict=True):
        # They round weights before a running maximum or the last one: by as much, not alike.
        assert error(a, b) < 4e-3
        assert error(a, c) < max(1.3 * error(b, c), 1e-6)


@pytest.mark.parametrize("which", [0, *engines()])
@pytest.mark.parametrize("options", [{}, {"causal": True}, {"dropout": 0.2, "key": 5}])
def test_in_one_tile_the_same_is_rounded(which, options, monkeypatch):
    """There is one maximum, so both round the same weights, but for a few at a border."""
    monkeypatch.setattr(attention_bf16, "engine", lambda: which)
    q, k, v, dy = arguments((3, 4, 64, 40), 2, 64)
    y, saved = attention_bf16.forward(q, k, v, **options)
    expected, s = reference.forward(q, k, v, **options)
    found, twin = attention_bf16.backward(dy, saved), reference.backward(dy, s)
    for a, b in zip((y, *found), (expected, *twin), strict=True):
        assert abs(a - b).mean() < 2e-5 * abs(b).mean()


def test_without_an_engine_what_comes_in_is_rounded(monkeypatch):
    monkeypatch.setattr(attention_bf16, "engine", lambda: 0)
    q, k, v, dy = arguments((2, 4, 130, 40), 2, 130)
    y, saved = attention_bf16.forward(q, k, v, causal=True)
    same, _ = attention_bf16.forward(*map(rounded, (q, k, v)), causal=True)
    np.testing.assert_array_equal(y, same)
    rounded_too = saved._replace(q=rounded(q), k=rounded(k), v=rounded(v))
    found, same = (
        attention_bf16.backward(dy, saved),
        attention_bf16.backward(rounded(dy), rounded_too),
    )
    for a, b in zip(found, same, strict=True):
        np.testing.assert_array_equal(a, b)


def test_views_are_read_and_written_in_place():
    B, T, H, D = 2, 50, 3, 16
    generator = np.random.default_rng(0)
    fused = generator.standard_normal((B, T, 3 * H * D)).astype(np.float32)
    heads = fused.reshape(B, T, 3 * H, D).transpose(0, 2, 1, 3)
    q, k, v = heads[:, :H], heads[:, H : 2 * H], heads[:, 2 * H :]
    dy = generator.standard_normal((B, H, T, D)).astype(np.float32)
    y, saved = attention_bf16.forward(q, k, v, causal=True)
    plain, s = attention_bf16.forward(*(x.copy() for x in (q, k, v)), causal=True)
    np.testing.assert_array_equal(y, plain)
    dfused = np.empty_like(fused).reshape(B, T, 3 * H, D).transpose(0, 2, 1, 3)
    out = dfused[:, :H], dfused[:, H : 2 * H], dfused[:, 2 * H :]
    attention_bf16.backward(dy, saved, out)
    for a, b in zip(out, attention_bf16.backward(dy, s), strict=True):
        np.testing.assert_array_equal(a, b)


def test_threads_change_no_bit():
    q, k, v, dy = arguments((1, 2, 200, 32), 2, 200)
    threads, found = numba.get_num_threads(), []
    try:
        for n in (1, threads):
            numba.set_num_threads(n)
            y, saved = attention_bf16.forward(q, k, v, causal=True)
            found.append((y, *attention_bf16.backward(dy, saved)))
    finally:
        numba.set_num_threads(threads)
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("n_query", "dtype"), [(FEW, np.float32), (70, np.float64)])
def test_few_queries_and_float64_are_attention(n_query, dtype):
    q, k, v, dy = arguments((1, 2, n_query, 16), 2, 70, dtype)
    y, saved = attention_bf16.forward(q, k, v, causal=True)
    expected, s = attention.forward(q, k, v, causal=True)
    np.testing.assert_array_equal(y, expected)
    for a, b in zip(attention_bf16.backward(dy, saved), attention.backward(dy, s), strict=True):
        np.testing.assert_array_equal(a, b)
