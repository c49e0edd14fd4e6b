from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.gradient_check import gradcheck
from minilm.reference import attention, philox, softmax

size = st.integers(1, 4)


def qkv(b, h, k, t, s, d, seed=0, dtype=np.float64):
    normal = np.random.default_rng(seed).standard_normal
    shapes = (b, h, t, d), (b, k, s, d), (b, k, s, d)
    return tuple(normal(shape).astype(dtype) for shape in shapes)


@settings(max_examples=40)
@given(
    n_batch=st.integers(1, 2),
    n_kv_head=st.integers(1, 2),
    group=st.integers(1, 3),
    n_query=size,
    n_key=st.integers(1, 6),
    head_size=size,
    causal=st.booleans(),
    masked=st.sampled_from([None, 0.5, 1.0]),
    dropout=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 2**32),
)
def test_gradients(
    n_batch, n_kv_head, group, n_query, n_key, head_size, causal, masked, dropout, seed
):
    args = qkv(n_batch, n_kv_head * group, n_kv_head, n_query, n_key, head_size, seed)
    mask = np.random.default_rng(seed).random((n_batch, n_key)) >= (masked or 0)
    kwargs = {
        "causal": causal,
        "key_mask": None if masked is None else mask,
        "dropout": dropout,
        "key": seed,
    }
    report = gradcheck(attention.forward, attention.backward, args, kwargs=kwargs, seed=seed)
    assert report.ok, f"\n{report}"


def by_loops(q, k, v, causal, key_mask, scale):
    """y and lse, one number at a time."""
    (n_batch, n_head, n_query, _), n_key = q.shape, k.shape[2]
    y, lse = np.zeros(q.shape), np.full(q.shape[:3], -np.inf)
    for b, h, i in np.ndindex(n_batch, n_head, n_query):
        g = h // (n_head // k.shape[1])
        last = i + n_key - n_query if causal else n_key - 1
        seen = [j for j in range(n_key) if j <= last and (key_mask is None or key_mask[b, j])]
        odds = [math.exp(scale * float(q[b, h, i] @ k[b, g, j])) for j in seen]
        if seen:
            lse[b, h, i] = math.log(math.fsum(odds))
            y[b, h, i] = sum(o * v[b, g, j] for o, j in zip(odds, seen, strict=True)) / sum(odds)
    return y, lse


MASK = np.array([[False, True, True, False, True], [False] * 5])


@pytest.mark.parametrize("heads", [(2, 2), (4, 2), (3, 1)])
@pytest.mark.parametrize("sizes", [(5, 5), (2, 5), (7, 5), (1, 5)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("key_mask", [None, MASK])
def test_against_loops(heads, sizes, causal, key_mask):
    q, k, v = qkv(2, *heads, *sizes, 3)
    y, saved = attention.forward(q, k, v, causal=causal, key_mask=key_mask)
    expected_y, expected_lse = by_loops(q, k, v, causal, key_mask, 1 / math.sqrt(3))
    np.testing.assert_allclose(y, expected_y, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(saved.lse, expected_lse, rtol=1e-11, atol=1e-14)


def test_own_scale():
    q, k, v = qkv(1, 2, 2, 3, 3, 4)
    y, saved = attention.forward(q, k, v, scale=1.7)
    np.testing.assert_allclose(y, by_loops(q, k, v, False, None, 1.7)[0], rtol=1e-11)
    assert saved.scale == 1.7


def test_grouped_heads_equal_repeated_heads():
    q, k, v = qkv(2, 6, 2, 4, 4, 3)
    dy = np.random.default_rng(1).standard_normal(q.shape)
    y, saved = attention.forward(q, k, v, causal=True)
    dq, dk, dv = attention.backward(dy, saved)
    repeated = q, np.repeat(k, 3, axis=1), np.repeat(v, 3, axis=1)
    y_repeated, saved = attention.forward(*repeated, causal=True)
    dq_repeated, *dkv_repeated = attention.backward(dy, saved)
    np.testing.assert_allclose(y, y_repeated, rtol=1e-12)
    np.testing.assert_allclose(dq, dq_repeated, rtol=1e-12)
    for gradient, parts in zip((dk, dv), dkv_repeated, strict=True):
        summed = parts.reshape(2, 2, 3, 4, 3).sum(axis=2)
        np.testing.assert_allclose(gradient, summed, rtol=1e-12)


@pytest.mark.parametrize("n_new", [1, 3])
def test_the_last_queries_alone_give_the_last_rows(n_new):
    q, k, v = qkv(2, 4, 2, 7, 7, 3)
    whole, _ = attention.forward(q, k, v, causal=True)
    new, _ = attention.forward(q[:, :, -n_new:], k, v, causal=True)
    np.testing.assert_allclose(new, whole[:, :, -n_new:], rtol=1e-12)


def test_no_query_sees_the_future():
    q, k, v = qkv(1, 1, 1, 6, 6, 2)
    y, saved = attention.forward(q, k, v, causal=True)
    dy = np.zeros_like(y)
    dy[:, :, 2] = 1
    _, dk, dv = attention.backward(dy, saved)
    assert not dk[:, :, 3:].any()
    assert not dv[:, :, 3:].any()
    assert dk[:, :, :3].all()
    assert dv[:, :, :3].all()


def test_rows_that_see_nothing():
    q, k, v = qkv(2, 2, 1, 3, 5, 3)
    dy = np.random.default_rng(2).standard_normal(q.shape)
    with np.errstate(all="raise", under="ignore"):
        y, saved = attention.forward(q, k, v, key_mask=MASK)
        gradients = attention.backward(dy, saved)
    assert not y[1].any()
    assert (saved.lse[1] == -np.inf).all()
    assert not any(gradient[1].any() for gradient in gradients)
    assert all(gradient[0].any() for gradient in gradients)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_what_masked_keys_hold_does_not_matter():
    q, k, v = qkv(2, 2, 2, 3, 5, 3)
    y, _ = attention.forward(q, k, v, key_mask=MASK)
    k[~MASK[:, None].repeat(2, axis=1)] = 1e4
    v[~MASK[:, None].repeat(2, axis=1)] = -1e4
    np.testing.assert_array_equal(attention.forward(q, k, v, key_mask=MASK)[0], y)


def test_no_keys_at_all():
    q, k, v = qkv(1, 2, 1, 3, 0, 2)
    y, saved = attention.forward(q, k, v)
    dq, dk, _ = attention.backward(np.ones_like(y), saved)
    assert not y.any()
    assert not dq.any()
    assert dk.shape == k.shape


def test_y_lies_in_memory_with_the_heads_of_a_position_together():
    y, _ = attention.forward(*qkv(2, 4, 2, 3, 5, 6))
    assert y.shape == (2, 4, 3, 6)
    assert y.transpose(0, 2, 1, 3).flags.c_contiguous


def test_views_of_a_fused_array():
    """As a layer calls it: q, k, v and their gradients are slices of one (B, T, (H+2K)*D)."""
    b, h, k, t, d = 2, 4, 2, 3, 5

    def split(fused):
        heads = fused.reshape(b, t, h + 2 * k, d).transpose(0, 2, 1, 3)
        return heads[:, :h], heads[:, h : h + k], heads[:, h + k :]

    def forward(fused):
        return attention.forward(*split(fused), causal=True)

    def backward(dy, saved):
        dfused = np.full((b, t, (h + 2 * k) * d), np.nan)
        out = split(dfused)
        returned = attention.backward(dy, saved, out=out)
        assert all(a is b for a, b in zip(returned, out, strict=True))
        return dfused

    fused = np.random.default_rng(3).standard_normal((b, t, (h + 2 * k) * d))
    report = gradcheck(forward, backward, [fused])
    assert report.ok, f"\n{report}"


def test_dropped_probabilities():
    """With the identity for values, y is the matrix p * r itself."""
    q, k, _ = qkv(2, 3, 3, 5, 6, 6)
    v = np.broadcast_to(np.eye(6), k.shape)
    p, _ = attention.forward(q, k, v)
    y, saved = attention.forward(q, k, v, dropout=0.3, key=2**50 + 1)
    keep = philox.keep_probabilities((2, 3, 5, 6), 0.3, 2**50 + 1)
    np.testing.assert_allclose(y, p * keep / 0.7, rtol=1e-12)
    assert 0 < keep.mean() < 1
    np.testing.assert_allclose(saved.lse, attention.forward(q, k, v)[1].lse)


def test_dropout_keeps_the_expected_value():
    q, k, v = qkv(1, 1, 1, 4, 5, 3)
    exact, _ = attention.forward(q, k, v)
    runs = [attention.forward(q, k, v, dropout=0.3, key=key)[0] for key in range(400)]
    error = np.std(runs, axis=0) / math.sqrt(len(runs))
    assert (np.abs(np.mean(runs, axis=0) - exact) < 5 * error).all()


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extremes(size):
    q = np.full((1, 1, 2, 1), size, np.float32)
    k = np.array([1, 0, -1], np.float32).reshape(1, 1, 3, 1)
    v = np.array([1, 2, 3], np.float32).reshape(1, 1, 3, 1)
    with np.errstate(all="raise", under="ignore"):
        y, saved = attention.forward(q, k, v)
        gradients = attention.backward(np.ones_like(y), saved)
    assert y.reshape(-1).tolist() == ([1, 1] if size > 0 else [3, 3])
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert {a.dtype for a in (y, *gradients)} == {np.dtype(np.float32)}
    assert saved.lse.dtype == np.float64


def test_float32_stays_float32_whatever_the_scale_is():
    args = qkv(1, 2, 1, 3, 4, 2, dtype=np.float32)
    y, saved = attention.forward(
        *args, scale=np.float64(0.3), dropout=np.float64(0.5), key=1, causal=True
    )
    gradients = attention.backward(y, saved)
    assert {a.dtype for a in (y, *gradients)} == {np.dtype(np.float32)}
    assert saved.lse.dtype == np.float64


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradients_of_the_matrices(dropout):
    """Of the scores, and of the probabilities, as if each were an argument."""
    q, k, v = qkv(2, 4, 2, 3, 5, 3)
    options = {"causal": True, "key_mask": MASK, "dropout": dropout, "key": 8}
    y, saved = attention.forward(q, k, v, **options)
    scores, p = attention.matrices(saved)
    keep = philox.keep_probabilities(p.shape, dropout, 8) / (1 - dropout)

    def weighted(p):
        return (p * keep) @ np.repeat(v, 2, axis=1)

    np.testing.assert_allclose(weighted(p), y, rtol=1e-12, atol=1e-15)
    of_scores = gradcheck(
        lambda scores: (weighted(softmax.forward(scores)[0]), saved),
        lambda dy, saved: attention.matrices_backward(dy, saved)[0],
        [scores],
    )
    of_p = gradcheck(
        lambda p: (weighted(p), saved),
        lambda dy, saved: attention.matrices_backward(dy, saved)[1],
        [p],
    )
    assert of_scores.ok, f"\n{of_scores}"
    assert of_p.ok, f"\n{of_p}"


def test_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="3 query heads cannot share 2 key heads"):
        attention.forward(*qkv(1, 3, 2, 2, 2, 2))


def test_dropout_without_a_key():
    with pytest.raises(ValueError, match="needs a key"):
        attention.forward(*qkv(1, 1, 1, 2, 2, 2), dropout=0.1)


@pytest.mark.oracle
@pytest.mark.parametrize("heads", [(2, 2), (4, 2)])
@pytest.mark.parametrize("masking", ["full", "causal", "padding"])
def test_against_torch(heads, masking):
    torch = pytest.importorskip("torch")
    arrays = qkv(2, *heads, 5, 5, 3)
    dy = np.random.default_rng(4).standard_normal(arrays[0].shape)
    mask = np.array([[True, False, True, True, False], [True] * 5])
    q, k, v = (torch.tensor(a, requires_grad=True) for a in arrays)
    expected = torch.nn.functional.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=torch.tensor(mask)[:, None, None] if masking == "padding" else None,
        is_causal=masking == "causal",
        enable_gqa=True,
    )
    expected.backward(torch.tensor(dy))
    y, saved = attention.forward(
        *arrays, causal=masking == "causal", key_mask=mask if masking == "padding" else None
    )
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-11)
    for gradient, tensor in zip(attention.backward(dy, saved), (q, k, v), strict=True):
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-9, atol=1e-13)
