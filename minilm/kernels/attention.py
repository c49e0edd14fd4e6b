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

Up to `FEW` queries, as in generation with a key-value cache, would leave most lanes empty.
They take another way: along the channels, see `attention_few`.

Source: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018); Dao et
al., "FlashAttention" (2022), algorithms 1 and 4.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.attention_few import FEW, forward_few
from minilm.kernels.attention_tiles import Head, backward_tile, forward_tile
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import is_regular, memory
from minilm.kernels.philox import key_words, threshold
from minilm.kernels.tiles import LANES, Rows, clear, new_tile, store_rows
from minilm.reference.attention import Saved

__all__ = ["Saved", "backward", "forward"]

ZERO = np.int64(0)  # for a bare 0 Numba compiles a helper once more


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
    lse = np.empty((n_batch, n_head, n_query))
    saved = Saved(q, k, v, y, lse, key_mask, causal, scale, dropout, key)
    run = _forward.sized(q.size * k.shape[2])
    run(*_memory(q, k, v, y), lse, *_settings(saved))
    return y, saved


def backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray, NDArray] | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Returns dq (B, H, T, D), dk and dv (B, K, S, D), written into `out` if given."""
    q, k, v, y, lse, *_ = saved
    grads = out or (np.empty_like(q), np.empty_like(k), np.empty_like(v))
    written = [x if is_regular(x) else np.empty(x.shape, x.dtype) for x in grads]
    run = _backward.sized(q.size * k.shape[2])
    run(*_memory(q, k, v, y, dy, *written), lse, *_settings(saved))
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
    visible = np.ones((len(q), k.shape[2]), bool) if mask is None else np.array(mask, bool)
    limit, survival = np.uint32(threshold(saved.dropout)), real(1 / (1 - saved.dropout))
    words = key_words(saved.key or 0)
    return visible, k.shape[1], q.shape[3], saved.causal, real(saved.scale), limit, survival, *words


@helper()
def _rows(x, strides, b, h, t):
    """The rows of head h from position t on, of an array with these strides."""
    return Rows(x[b * strides[0] + h * strides[1] + t * strides[2] :], strides[2])


@kernel(parallel_from=500_000)
def _forward(
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
        head = Head(number, n_query, size, visible[b], causal, scale, limit, survival, k0, k1)
        rows_q, rows_y = _rows(q, strides[0], b, h, t), _rows(y, strides[3], b, h, t)
        rows_k, rows_v = _rows(k, strides[1], b, g, ZERO), _rows(v, strides[2], b, g, ZERO)
        if n_query <= FEW and limit == 0:
            forward_few(head, rows_q, rows_k, rows_v, rows_y, lse[b, h])
        else:
            forward_tile(head, t, rows_q, rows_k, rows_v, rows_y, lse[b, h])


@kernel(parallel_from=200_000)
def _backward(
    q,
    k,
    v,
    y,
    dy,
    dq,
    dk,
    dv,
    strides,
    lse,
    visible,
    n_kv_head,
    size,
    causal,
    scale,
    limit,
    survival,
    k0,
    k1,
):
    n_batch, n_head, n_query = lse.shape
    group, n_key = n_head // n_kv_head, visible.shape[1]
    for item in prange(n_batch * n_kv_head):
        b, g = item // n_kv_head, item % n_kv_head
        n_rows = (size + LANES - 1) // LANES * n_key
        dk_tiles, dv_tiles = new_tile(dk, n_rows), new_tile(dv, n_rows)
        clear(dk_tiles, n_rows, LANES)
        clear(dv_tiles, n_rows, LANES)
        for h in range(g * group, (g + 1) * group):
            number = b * n_head + h
            head = Head(number, n_query, size, visible[b], causal, scale, limit, survival, k0, k1)
            for t in range(0, n_query, LANES):
                backward_tile(
                    head,
                    t,
                    _rows(q, strides[0], b, h, t),
                    _rows(k, strides[1], b, g, ZERO),
                    _rows(v, strides[2], b, g, ZERO),
                    _rows(y, strides[3], b, h, t),
                    _rows(dy, strides[4], b, h, t),
                    _rows(dq, strides[5], b, h, t),
                    lse[b, h],
                    dk_tiles,
                    dv_tiles,
                )
        store_rows(dk_tiles, _rows(dk, strides[6], b, g, ZERO), n_key, size)
        store_rows(dv_tiles, _rows(dv, strides[7], b, g, ZERO), n_key, size)
