r"""Compiled twin of `minilm.reference.attention`: never a (T, S) matrix, only tiles of it.

Queries are taken `QUERIES` at a time and keys `KEYS` at a time; what is computed for such
a tile, its scores (QUERIES, KEYS) above all, stays in the first-level cache. Every product
is made of the register tiles of `product`.

Forward goes through the keys with a running maximum m, sum l and result y of each query.
When a new tile raises the maximum from m to m', what was summed so far shrinks by
exp(m - m') (the "online softmax"); y / l is the answer at the end.

Backward recomputes the probabilities of a tile from the saved log-sum-exp. One thread
takes all queries of one key head, one after another, so dk and dv have one writer and
their sums one order. With w the weights p r and ds = p (dp - delta), tiles add

    dq_i += sum_j ds[i, j] k_j        dk_j += sum_i ds[i, j] q_i        dv_j += sum_i w[i, j] dy_i

Up to `FEW` queries, as in generation with a key-value cache, would leave the tiles nearly
empty. They take another way: see `attention_few`.

Source: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018); Dao et
al., "FlashAttention" (2022), algorithms 1 and 4.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

import functools
import math
from typing import Any

import numba
import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels.attention_backward import backward_head, pack_keys
from minilm.kernels.attention_few import FEW, forward_few
from minilm.kernels.attention_forward import forward_head
from minilm.kernels.attention_head import QUERIES, Head, copy_rows
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import plain
from minilm.kernels.packing import ONE, ZERO, matrix
from minilm.kernels.philox import key_words, threshold
from minilm.kernels.scratch import release, zeros
from minilm.kernels.vectors import memory, part
from minilm.reference.attention import Saved

__all__ = [
    "Saved",
    "backward",
    "forward",
    "n_parts_of",
    "new",
    "regular",
    "row_of",
    "rows_of",
    "run_backward",
    "run_forward",
    "run_rounding_backward",
    "settings",
]


def forward(
    q: NDArray,
    k: NDArray,
    v: NDArray,
    *,
    causal: bool = False,
    key_mask: NDArray[np.bool_] | None = None,
    first_key: NDArray | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    key: int | None = None,
) -> tuple[NDArray, Saved]:
    """Attend from q (B, H, T, D) to k and v (B, K, S, D); returns y (B, H, T, D), which
    lies in memory as (B, T, H, D)."""
    y, saved = new(
        q, k, v, causal=causal, key_mask=key_mask, first_key=first_key, scale=scale,
        dropout=dropout, key=key,
    )  # fmt: skip
    run_forward(saved, rounding=False)
    return y, saved


def new(
    q: NDArray,
    k: NDArray,
    v: NDArray,
    *,
    causal: bool = False,
    key_mask: NDArray[np.bool_] | None = None,
    first_key: NDArray | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    key: int | None = None,
) -> tuple[NDArray, Saved]:
    """The arguments of forward, checked, and arrays for its results."""
    n_batch, n_head, n_query, head_size = q.shape
    if n_head % k.shape[1]:
        raise ValueError(f"{n_head} query heads cannot share {k.shape[1]} key heads evenly")
    if dropout and key is None:
        raise ValueError("attention dropout needs a key")
    scale = 1 / math.sqrt(head_size) if scale is None else float(scale)
    y = aligned.empty((n_batch, n_query, n_head, head_size), q.dtype).transpose(0, 2, 1, 3)
    lse = np.empty((n_batch, n_head, n_query))
    return y, Saved(q, k, v, y, lse, key_mask, first_key, causal, scale, dropout, key)


def run_forward(saved: Saved, *, rounding: bool) -> None:
    """Sets y and lse; with `rounding` what is multiplied is rounded to bfloat16."""
    q, k, v, y, lse, *_ = saved
    run = _forward.sized(q.size * k.shape[2])
    n_parts = n_parts_of(saved) if run is _forward.parallel and q.shape[2] > FEW else 1
    run(*map(regular, (q, k, v, y)), lse, *settings(saved), n_parts, rounding)


def n_parts_of(saved: Saved) -> int:
    """Into how many parts the queries of a head are cut, so that all threads have work."""
    n_batch, n_head, n_query = saved.lse.shape
    n_tiles, n_threads = -(-n_query // int(QUERIES)), numba.get_num_threads()
    return max(1, min(n_tiles, -(-4 * n_threads // max(1, n_batch * n_head))))


def backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray, NDArray] | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Returns dq (B, H, T, D), dk and dv (B, K, S, D), written into `out` if given."""
    return run_backward(_backward, dy, saved, out, False)


def run_rounding_backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray, NDArray] | None
) -> tuple[NDArray, NDArray, NDArray]:
    """`backward` with what is multiplied rounded to bfloat16."""
    return run_backward(_backward, dy, saved, out, True)


def run_backward(
    kernel: Any,
    dy: NDArray,
    saved: Saved,
    out: tuple[NDArray, NDArray, NDArray] | None,
    option: Any,
) -> tuple[NDArray, NDArray, NDArray]:
    """Call a compiled backward, which writes into arrays whose last axis is contiguous."""
    run = kernel.sized(saved.q.size * saved.k.shape[2])
    q, k, v, y, lse, *_ = saved
    grads = out or (np.empty_like(q), np.empty_like(k), np.empty_like(v))
    written = [x if regular(x) is x else np.empty(x.shape, x.dtype) for x in grads]
    run(*map(regular, (q, k, v, y, dy)), *written, lse, *settings(saved), option)
    for target, x in zip(grads, written, strict=True):
        if target is not x:
            target[...] = x
    return grads


def regular(x: NDArray) -> NDArray:
    """x, or a copy, whose last axis is contiguous."""
    return plain(x) if x.strides[-1] == x.itemsize else np.array(x, order="C")


@functools.lru_cache(maxsize=16)
def _unmasked(n_batch: int, n_query: int, n_key: int) -> tuple[NDArray, NDArray]:
    """All keys visible, from the first on. Kept: layer after layer asks for the same."""
    return np.ones((n_batch, n_key), bool), np.zeros((n_batch, n_query), np.int64)


@functools.lru_cache(maxsize=16)
def _dropping(rate: float, key: int, real: Any) -> tuple[Any, ...]:
    """The word below which is dropped, what remains is multiplied with, and the key's words."""
    return np.uint32(threshold(rate)), real(1 / (1 - rate)), *key_words(key)


def settings(saved: Saved) -> tuple[Any, ...]:
    """What kernels take for the options of `forward`."""
    q, k = saved.q, saved.k
    real = q.dtype.type
    masked = bounded = False
    visible, first = _unmasked(len(q), q.shape[2], k.shape[2])
    if saved.key_mask is not None:
        visible = np.array(saved.key_mask, bool)
        masked = not visible.all()
    if saved.first_key is not None:
        first = np.empty_like(first)
        first[...] = saved.first_key
        bounded = bool(first.any())
    return (
        visible,
        masked,
        first,
        bounded,
        k.shape[1],
        q.shape[3],
        saved.causal,
        real(saved.scale),
        *_dropping(saved.dropout, saved.key or 0, real),
    )


@helper()
def rows_of(x, b, h):
    """The rows of a head of x (B, H, T, D), whatever its strides."""
    first = (b * x.strides[0] + h * x.strides[1]) // x.itemsize
    return matrix(memory(x), first, x.strides[2] // x.itemsize, ONE)


@helper()
def row_of(x, i, n):
    """The i-th n numbers of x, which has no gaps."""
    return part(memory(x), i * n, n)


@kernel(parallel_from=50_000, strided=True, long=9)
def _forward(
    q, k, v, y, lse, visible, masked, first, bounded, n_kv_head, size, causal, scale, limit,
    survival, k0, k1, n_parts, rounding,
):  # fmt: skip
    n_batch, n_head, n_query = lse.shape
    for item in prange(n_batch * n_head * n_parts):
        number, turn = item // n_parts, item % n_parts
        b, h = number // n_head, number % n_head
        g = h // (n_head // n_kv_head)
        head = Head(
            number, n_query, size, row_of(visible, b, visible.shape[1]), masked,
            row_of(first, b, n_query), bounded, causal, scale, limit, survival, k0, k1,
            rounding,
        )  # fmt: skip
        rows = rows_of(q, b, h), rows_of(k, b, g), rows_of(v, b, g), rows_of(y, b, h)
        if n_query <= FEW and limit == 0:
            forward_few(head, *rows, row_of(lse, number, n_query))
        else:
            forward_head(head, *rows, row_of(lse, number, n_query), turn, n_parts)


@kernel(parallel_from=50_000, strided=True, long=8)
def _backward(
    q, k, v, y, dy, dq, dk, dv, lse, visible, masked, first, bounded, n_kv_head, size, causal,
    scale, limit, survival, k0, k1, rounding,
):  # fmt: skip
    n_batch, n_head, n_query = lse.shape
    group, n_key = n_head // n_kv_head, visible.shape[1]
    for item in prange(n_batch * n_kv_head):
        b, g = item // n_kv_head, item % n_kv_head
        dense_dk = matrix(zeros(n_key * size, k.dtype), ZERO, size, ONE)
        dense_dv = matrix(zeros(n_key * size, k.dtype), ZERO, size, ONE)
        for h in range(g * group, (g + 1) * group):
            head = Head(
                b * n_head + h, n_query, size, row_of(visible, b, n_key), masked,
                row_of(first, b, n_query), bounded, causal, scale, limit, survival, k0, k1,
                rounding,
            )  # fmt: skip
            # Packed again for each query head of a group: a small part of the work.
            packed = pack_keys(head, rows_of(k, b, g), rows_of(v, b, g))
            rows = rows_of(q, b, h), rows_of(y, b, h), rows_of(dy, b, h), rows_of(dq, b, h)
            lse_row = row_of(lse, head.number, n_query)
            backward_head(head, *rows, lse_row, dense_dk, dense_dv, packed)
            release(packed[0].data)
            release(packed[1].data)
            release(packed[2])
        copy_rows(dense_dk, rows_of(dk, b, g), n_key, size)
        copy_rows(dense_dv, rows_of(dv, b, g), n_key, size)
        release(dense_dk.data)
        release(dense_dv.data)
