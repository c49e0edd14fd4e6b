"""Compiled twin of `minilm.reference.attention_bf16`: the tiles of `attention`, multiplied by
the fastest of `engines`; where none is faster than float32, `attention` itself, which rounds.

Scores, their exponentials and all sums are float32; what enters a product is packed as
bfloat16. Up to `FEW` queries and other dtypes take the way of `attention`, unrounded.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels import attention
from minilm.kernels.attention import Saved, n_parts_of, regular, row_of, rows_of, settings
from minilm.kernels.attention_bf16_head import backward_head, forward_head, pack_keys, wide
from minilm.kernels.attention_few import FEW
from minilm.kernels.attention_head import KEYS, Head, copy_rows
from minilm.kernels.bfloat16 import tiles
from minilm.kernels.bfloat16_tiles import begin, end, engine
from minilm.kernels.jit import kernel
from minilm.kernels.packing import ONE, ZERO, matrix
from minilm.kernels.scratch import release, zeros

__all__ = ["Saved", "backward", "forward"]


def forward(q: NDArray, k: NDArray, v: NDArray, **options: Any) -> tuple[NDArray, Saved]:
    """Attend from q (B, H, T, D) to k and v (B, K, S, D); options are those of `attention`."""
    if q.dtype != np.float32 or q.shape[2] <= FEW:
        return attention.forward(q, k, v, **options)
    y, saved = attention.new(q, k, v, **options)
    if not engine():
        attention.run_forward(saved, rounding=True)
        return y, saved
    run = _forward.sized(q.size * k.shape[2])
    n_parts = n_parts_of(saved) if run is _forward.parallel else 1
    run(*map(regular, (q, k, v, y)), saved.lse, *settings(saved), n_parts, engine())
    return y, saved


def backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray, NDArray] | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Returns dq (B, H, T, D), dk and dv (B, K, S, D), written into `out` if given."""
    q = saved.q
    if q.dtype != np.float32 or q.shape[2] <= FEW:
        return attention.backward(dy, saved, out)
    if not engine():
        return attention.run_rounding_backward(dy, saved, out)
    return attention.run_backward(_backward, dy, saved, out, engine())


@kernel(parallel_from=50_000, strided=True, long=5)
def _forward(
    q, k, v, y, lse, visible, masked, first, bounded, n_kv_head, size, causal, scale, limit,
    survival, k0, k1, n_parts, engine,
):  # fmt: skip
    n_batch, n_head, n_query = lse.shape
    for item in prange(n_batch * n_head * n_parts):
        number, part = item // n_parts, item % n_parts
        b, h = number // n_head, number % n_head
        g = h // (n_head // n_kv_head)
        head = Head(
            number, n_query, size, row_of(visible, b, visible.shape[1]), masked,
            row_of(first, b, n_query), bounded, causal, scale, limit, survival, k0, k1,
            True,
        )  # fmt: skip
        rows = rows_of(q, b, h), rows_of(k, b, g), rows_of(v, b, g), rows_of(y, b, h)
        begin(engine)
        forward_head(head, *rows, row_of(lse, number, n_query), part, n_parts, engine)
        end(engine)


@kernel(parallel_from=50_000, strided=True, long=6)
def _backward(
    q, k, v, y, dy, dq, dk, dv, lse, visible, masked, first, bounded, n_kv_head, size, causal,
    scale, limit, survival, k0, k1, engine,
):  # fmt: skip
    n_batch, n_head, n_query = lse.shape
    group, n_key = n_head // n_kv_head, visible.shape[1]
    room = tiles(n_key, KEYS) * KEYS * wide(size)
    for item in prange(n_batch * n_kv_head):
        b, g = item // n_kv_head, item % n_kv_head
        dense_dk, dense_dv = zeros(room, k.dtype), zeros(room, k.dtype)
        begin(engine)
        for h in range(g * group, (g + 1) * group):
            head = Head(
                b * n_head + h, n_query, size, row_of(visible, b, n_key), masked,
                row_of(first, b, n_query), bounded, causal, scale, limit, survival, k0, k1,
                True,
            )  # fmt: skip
            # Packed again for each query head of a group: a small part of the work.
            packed = pack_keys(head, rows_of(k, b, g), rows_of(v, b, g))
            rows = rows_of(q, b, h), rows_of(y, b, h), rows_of(dy, b, h), rows_of(dq, b, h)
            lse_row = row_of(lse, head.number, n_query)
            backward_head(head, *rows, lse_row, dense_dk, dense_dv, packed, engine)
            release(packed[0].words)
            release(packed[1].words)
            release(packed[2])
        end(engine)
        copy_rows(matrix(dense_dk, ZERO, wide(size), ONE), rows_of(dk, b, g), n_key, size)
        copy_rows(matrix(dense_dv, ZERO, wide(size), ONE), rows_of(dv, b, g), n_key, size)
        release(dense_dk)
        release(dense_dv)
