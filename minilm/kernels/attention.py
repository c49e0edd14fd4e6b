r"""Compiled twin of `minilm.reference.attention`: never a (T, S) matrix, only tiles of it.

Queries are taken `LANES` at a time, and the loops run along them: lane i of every row
belongs to query i. So the softmax of a query is arithmetic within its lane, and keys and
values enter as plain numbers, read where they lie.

Forward goes through the keys `KEYS` at a time with a running maximum m, sum l and result
y of each query. When a new tile raises the maximum from m to m', what was summed so far
shrinks by exp(m - m') (the "online softmax"); y / l is the answer at the end.

Backward recomputes the probabilities of a tile from the saved log-sum-exp. One thread
takes all queries of one key head, one after another, so dk and dv have one writer and
their sums one order. With w the weights p r and ds = p (dp - delta), tiles add

    dq_i += sum_j ds[j, i] k_j        dk_j += sum_i ds[j, i] q_i        dv_j += sum_i w[j, i] dy_i

where the last two run along the channels, for which q and dy are copied a second time.

Source: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018); Dao et
al., "FlashAttention" (2022), algorithms 1 and 4.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.exponential import exp, like
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import is_regular, memory
from minilm.kernels.philox import key_words, philox4x32, threshold
from minilm.kernels.tiles import (
    LANES,
    add_product,
    clear,
    load_columns,
    load_rows,
    store_columns,
    store_rows,
)
from minilm.reference.attention import Saved

__all__ = ["Saved", "backward", "forward"]

KEYS = 16  # keys a tile
_ALIGN = 16  # lanes are used in multiples of this many, so that vectors are full


def forward(
    q: NDArray,
    k: NDArray,
    v: NDArray,
    *,
    causal: bool = False,
    key_mask: NDArray[np.bool_] | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    key: int | None = None,
) -> tuple[NDArray, Saved]:
    """Attend from q (B, H, T, D) to k and v (B, K, S, D); returns y (B, H, T, D), which
    lies in memory as (B, T, H, D)."""
    n_batch, n_head, n_query, head_size = q.shape
    if n_head % k.shape[1]:
        raise ValueError(f"{n_head} query heads cannot share {k.shape[1]} key heads evenly")
    if dropout and key is None:
        raise ValueError("attention dropout needs a key")
    scale = 1 / math.sqrt(head_size) if scale is None else float(scale)
    y = np.empty((n_batch, n_query, n_head, head_size), q.dtype).transpose(0, 2, 1, 3)
    lse = np.empty((n_batch, n_head, n_query), q.dtype)
    saved = Saved(q, k, v, y, lse, key_mask, causal, scale, dropout, key)
    _forward(*_memory(q, k, v, y), lse, *_settings(saved))
    return y, saved


def backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray, NDArray] | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Returns dq (B, H, T, D), dk and dv (B, K, S, D), written into `out` if given."""
    q, k, v, y, lse, *_ = saved
    grads = out or (np.empty_like(q), np.empty_like(k), np.empty_like(v))
    written = [x if is_regular(x) else np.empty(x.shape, x.dtype) for x in grads]
    _backward(*_memory(q, k, v, y, dy, *written), lse, *_settings(saved))
    for target, x in zip(grads, written, strict=True):
        if target is not x:
            target[...] = x
    return grads


def _memory(*arrays: NDArray) -> list[NDArray]:
    """Each array as one contiguous axis, then all their strides, (number of arrays, 4)."""
    axes, strides = zip(*map(memory, arrays), strict=True)
    return [*axes, np.array(strides, np.int64)]


def _settings(saved: Saved) -> tuple[Any, ...]:
    q, k = saved.q, saved.k
    real = q.dtype.type
    mask = saved.key_mask
    visible = np.ones((len(q), k.shape[2]), bool) if mask is None else np.ascontiguousarray(mask)
    limit, survival = np.uint32(threshold(saved.dropout)), real(1 / (1 - saved.dropout))
    words = key_words(saved.key or 0)
    return visible, k.shape[1], q.shape[3], saved.causal, real(saved.scale), limit, survival, *words


class _Head(NamedTuple):
    """What all tiles of one query head have in common."""

    number: int  # b * H + h
    n_query: int
    size: int  # D
    visible: NDArray  # (S,)
    causal: bool
    scale: float
    limit: int  # words below it are dropped
    survival: float  # 1 / (1 - dropout)
    k0: int
    k1: int


@helper()
def _at(strides, array, b, h, t):  # type: ignore[no-untyped-def]
    """Where row (b, h, t, :) of an array begins."""
    return b * strides[array, 0] + h * strides[array, 1] + t * strides[array, 2]


@helper()
def _lanes(head, t0):  # type: ignore[no-untyped-def]
    """Of the tile that begins with query t0: the number of queries, of lanes in use, of
    keys to go through, and the lane from which key 0 is seen."""
    n_key = head.visible.size
    n_query = min(LANES, head.n_query - t0)
    high = (n_query + _ALIGN - 1) // _ALIGN * _ALIGN
    if not head.causal:
        return n_query, high, n_key, -n_key
    offset = n_key - head.n_query
    return n_query, high, max(0, min(n_key, t0 + n_query + offset)), -offset - t0


@helper()
def _tile(like_x, n_rows):  # type: ignore[no-untyped-def]
    return np.empty(n_rows * LANES, like_x.dtype)


@helper()
def _scores(s, q, k, k_stride, head, visible, first, n):  # type: ignore[no-untyped-def]
    """s[j, i] = k_j . q_i, or -inf if query i may not see key j: it is seen from lane
    first + j on, if at all."""
    clear(s, visible.size, n)
    add_product(s, k, k_stride, np.int64(1), q, visible.size, head.size, n)
    for j in range(visible.size):
        row = s[j * LANES :]
        for i in range(min(n, first + j) if visible[j] else n):
            row[i] = like(head.scale, -np.inf)


@helper()
def _survival(r, head, j0, t, n):  # type: ignore[no-untyped-def]
    """r[j, i] = 0 if the probability of query t + i and key j0 + j is dropped, else
    1 / (1 - dropout), for KEYS keys."""
    for block in range(KEYS // 4):
        tile = r[4 * block * LANES :]
        counter = np.uint32(j0 // 4 + block)
        for i in range(n):
            words = philox4x32(
                counter, np.uint32(t + i), np.uint32(head.number), np.uint32(1), head.k0, head.k1
            )
            zero = like(head.survival, 0)
            tile[i] = zero if words[0] < head.limit else head.survival
            tile[LANES + i] = zero if words[1] < head.limit else head.survival
            tile[2 * LANES + i] = zero if words[2] < head.limit else head.survival
            tile[3 * LANES + i] = zero if words[3] < head.limit else head.survival


@helper()
def _online_softmax(s, n_keys, m, total, shrink, y, head_size):  # type: ignore[no-untyped-def]
    """Scores s of new keys become exp(s - m), and m, total and y are brought up to date."""
    n = m.size
    for i in range(n):
        shrink[i] = m[i]
    for j in range(n_keys):
        row = s[j * LANES :]
        for i in range(n):
            m[i] = row[i] if row[i] > m[i] else m[i]
    n_raised = 0
    for i in range(n):
        n_raised += 1 if m[i] > shrink[i] else 0
    if n_raised > 0:
        for i in range(n):
            shrink[i] = exp(shrink[i] - _finite(m[i]))
            total[i] *= shrink[i]
        for d in range(head_size):
            row = y[d * LANES :]
            for i in range(n):
                row[i] *= shrink[i]
    for j in range(n_keys):
        row = s[j * LANES :]
        for i in range(n):
            row[i] = exp(row[i] - _finite(m[i]))
            total[i] += row[i]


@helper(inline=True)
def _finite(m):  # type: ignore[no-untyped-def]
    # 0 for the -inf of a query that has seen nothing, so that exp(-inf - m) is 0.
    return like(m, 0) if m == like(m, -np.inf) else m


@helper()
def _forward_tile(head, t0, q, q_stride, k, k_stride, v, v_stride, y, y_stride, lse):  # type: ignore[no-untyped-def]
    """The answers y of up to LANES queries of one head, from query t0 on."""
    n_query, high, n_keys, first = _lanes(head, t0)
    q_tile, y_tile = _tile(q, head.size), _tile(q, head.size)
    s, r = _tile(q, KEYS), _tile(q, KEYS)
    m, total, shrink = _tile(q, 1), _tile(q, 1), _tile(q, 1)
    load_columns(q_tile, q, q_stride, n_query, head.size, head.scale, high)
    clear(y_tile, head.size, high)
    m[:] = -np.inf
    total[:] = 0
    for j0 in range(0, n_keys, KEYS):
        visible = head.visible[j0 : min(j0 + KEYS, n_keys)]
        low = max(0, first + j0) // _ALIGN * _ALIGN
        n = high - low
        _scores(
            s, q_tile[low:], k[j0 * k_stride :], k_stride, head, visible, first + j0 - low, n
        )
        _online_softmax(
            s, visible.size, m[low:high], total[low:high], shrink, y_tile[low:], head.size
        )
        if head.limit > 0:
            _survival(r, head, j0, t0 + low, n)
            for j in range(visible.size):
                for i in range(n):
                    s[j * LANES + i] *= r[j * LANES + i]
        add_product(
            y_tile[low:], v[j0 * v_stride :], np.int64(1), v_stride, s, head.size, visible.size, n
        )
    for i in range(n_query):
        lse[t0 + i] = m[i] + math.log(total[i])
        shrink[i] = like(m[i], 1) / total[i] if total[i] != 0 else like(m[i], 0)
    store_columns(y_tile, y, y_stride, n_query, head.size, shrink)


@kernel(parallel_from=4_000)
def _forward(  # type: ignore[no-untyped-def]
    q, k, v, y, strides, lse, visible, n_kv_head, size, causal, scale, limit, survival, k0, k1
):
    n_batch, n_head, n_query = lse.shape
    n_tiles = (n_query + LANES - 1) // LANES
    for item in prange(n_batch * n_head * n_tiles):
        number, tile = item // n_tiles, item % n_tiles
        # Causal tiles grow with their position. Early and late ones alternate, so that
        # each thread's run of items holds as much work.
        tile = tile // 2 if tile % 2 == 0 else n_tiles - 1 - tile // 2
        b, h, t = number // n_head, number % n_head, tile * LANES
        g = h // (n_head // n_kv_head)
        head = _Head(
            number, n_query, size, visible[b], causal, scale, limit, survival, k0, k1
        )
        _forward_tile(
            head,
            t,
            q[_at(strides, 0, b, h, t) :],
            strides[0, 2],
            k[_at(strides, 1, b, g, 0) :],
            strides[1, 2],
            v[_at(strides, 2, b, g, 0) :],
            strides[2, 2],
            y[_at(strides, 3, b, h, t) :],
            strides[3, 2],
            lse[b, h],
        )


@helper()
def _gradient_row(p, dp, r, lse, delta):  # type: ignore[no-untyped-def]
    """One key's scores p become weights p r, and its dp the gradients of the scores."""
    for i in range(lse.size):
        probability = exp(p[i] - lse[i])
        p[i] = probability * r[i]
        dp[i] = probability * (dp[i] * r[i] - delta[i])


@helper()
def _load_statistics(head, lse, lse_tile, y, dy, delta, n_query, n):  # type: ignore[no-untyped-def]
    """lse and delta = dy . y of each lane; lse = inf makes every probability 0."""
    for i in range(n):
        known = i < n_query and lse[min(i, n_query - 1)] != like(head.scale, -np.inf)
        lse_tile[i] = lse[i] if known else like(head.scale, np.inf)
        delta[i] = like(head.scale, 0)
    for d in range(head.size):
        y_row, dy_row = y[d * LANES :], dy[d * LANES :]
        for i in range(n):
            delta[i] += y_row[i] * dy_row[i]


@helper()
def _backward_tile(  # type: ignore[no-untyped-def]
    head, t0, q, q_stride, k, k_stride, v, v_stride, y, y_stride, dy, dy_stride, dq, dq_stride,
    lse, dk_tiles, dv_tiles,
):
    """Adds the share of up to LANES queries of one head to dk and dv, and sets their dq."""
    n_query, high, n_keys, first = _lanes(head, t0)
    one, size, n_key = like(head.scale, 1), head.size, head.visible.size
    padded = (size + LANES - 1) // LANES * LANES
    q_columns, dy_columns, dq_columns = _tile(q, size), _tile(q, size), _tile(q, size)
    q_rows, dy_rows = _tile(q, padded), _tile(q, padded)
    p, dp, r = _tile(q, KEYS), _tile(q, KEYS), _tile(q, KEYS)
    lse_tile, delta, scale = _tile(q, 1), _tile(q, 1), _tile(q, 1)
    load_columns(q_columns, q, q_stride, n_query, size, head.scale, high)
    load_rows(q_rows, q, q_stride, n_query, size, head.scale, high)
    load_columns(dy_columns, dy, dy_stride, n_query, size, one, high)
    load_rows(dy_rows, dy, dy_stride, n_query, size, one, high)
    load_columns(dq_columns, y, y_stride, n_query, size, one, high)
    _load_statistics(head, lse[t0:], lse_tile, dq_columns, dy_columns, delta, n_query, high)
    clear(dq_columns, size, high)
    r[:] = one
    scale[:] = head.scale
    across, along = np.int64(1), np.int64(LANES)
    for j0 in range(0, n_keys, KEYS):
        visible = head.visible[j0 : min(j0 + KEYS, n_keys)]
        low, n_rows = max(0, first + j0) // _ALIGN * _ALIGN, visible.size
        n = high - low
        keys, values = k[j0 * k_stride :], v[j0 * v_stride :]
        _scores(p, q_columns[low:], keys, k_stride, head, visible, first + j0 - low, n)
        clear(dp, n_rows, n)
        add_product(dp, values, v_stride, across, dy_columns[low:], n_rows, size, n)
        if head.limit > 0:
            _survival(r, head, j0, t0 + low, n)
        for j in range(n_rows):
            row = slice(j * LANES, (j + 1) * LANES)
            _gradient_row(p[row], dp[row], r[row], lse_tile[low:high], delta[low:high])
        add_product(dq_columns[low:], keys, across, k_stride, dp, size, n_rows, n)
        for d in range(0, size, LANES):
            width = min(LANES, size - d)
            rows, to = (d + low) * LANES, (d // LANES * n_key + j0) * LANES
            add_product(dk_tiles[to:], dp, along, across, q_rows[rows:], n_rows, n, width)
            add_product(dv_tiles[to:], p, along, across, dy_rows[rows:], n_rows, n, width)
    store_columns(dq_columns, dq, dq_stride, n_query, size, scale)


@kernel(parallel_from=4_000)
def _backward(  # type: ignore[no-untyped-def]
    q, k, v, y, dy, dq, dk, dv, strides, lse,
    visible, n_kv_head, size, causal, scale, limit, survival, k0, k1,
):
    n_batch, n_head, n_query = lse.shape
    group, n_key = n_head // n_kv_head, visible.shape[1]
    n_columns = (size + LANES - 1) // LANES
    for item in prange(n_batch * n_kv_head):
        b, g = item // n_kv_head, item % n_kv_head
        dk_tiles, dv_tiles = _tile(q, n_columns * n_key), _tile(q, n_columns * n_key)
        dk_tiles[:] = 0
        dv_tiles[:] = 0
        for h in range(g * group, (g + 1) * group):
            head = _Head(
                b * n_head + h, n_query, size, visible[b], causal, scale, limit, survival, k0, k1
            )
            for t in range(0, n_query, LANES):
                _backward_tile(
                    head,
                    t,
                    q[_at(strides, 0, b, h, t) :],
                    strides[0, 2],
                    k[_at(strides, 1, b, g, 0) :],
                    strides[1, 2],
                    v[_at(strides, 2, b, g, 0) :],
                    strides[2, 2],
                    y[_at(strides, 3, b, h, t) :],
                    strides[3, 2],
                    dy[_at(strides, 4, b, h, t) :],
                    strides[4, 2],
                    dq[_at(strides, 5, b, h, t) :],
                    strides[5, 2],
                    lse[b, h],
                    dk_tiles,
                    dv_tiles,
                )
        store_rows(dk_tiles, dk[_at(strides, 6, b, g, 0) :], strides[6, 2], n_key, size)
        store_rows(dv_tiles, dv[_at(strides, 7, b, g, 0) :], strides[7, 2], n_key, size)
