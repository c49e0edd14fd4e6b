"""Backward through one head of attention, tile by tile: see `attention`."""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

import numpy as np

from minilm.kernels.attention_head import (
    KEYS,
    QUERIES,
    bands,
    copy_rows,
    first_tile,
    hide,
    key_block,
    n_keys,
    pack_columns_of,
    pack_rows_of,
    rows_from,
    set_survival,
    square,
)
from minilm.kernels.bfloat16 import round_row
from minilm.kernels.exponential import exp, like
from minilm.kernels.fetch import fetch, reserve
from minilm.kernels.jit import helper
from minilm.kernels.packing import (
    ONE,
    ZERO,
    Matrix,
    Panels,
    matrix,
    padded,
    panel_width,
)
from minilm.kernels.pairs import less, split
from minilm.kernels.product import ADD, EVERYTHING, SET, multiply
from minilm.kernels.registers import ROWS
from minilm.kernels.scratch import filled, release, scratch, zeros
from minilm.kernels.vectors import part

__all__ = ["backward_head", "pack_keys", "score_gradients"]


@helper()
def pack_keys(head, k, v):
    """What `backward_head` needs of a key head: keys and values as columns, keys as rows."""
    one, n_key = like(head.scale, 1), head.visible.size
    fetch(v, ZERO, n_key, head.size)
    return (
        pack_columns_of(k, n_key, head.size, head.scale, head.rounding),
        pack_columns_of(v, n_key, head.size, one, head.rounding),
        pack_rows_of(k, n_key, head.size, KEYS, head.rounding),
    )


@helper()
def backward_head(head, q, y, dy, dq, lse, dk, dv, packed):
    """Sets dq of one query head, and adds what it contributes to dk and dv, which are dense.

    `packed` is what `pack_keys` made of its key head.
    """
    size, n_key, real = head.size, head.visible.size, q.data.dtype
    keys, values, key_rows = packed
    nothing, delta = zeros(padded(q.data, size) + KEYS, real), scratch(QUERIES, real)
    p, dp = scratch(QUERIES * KEYS, real), scratch(QUERIES * KEYS, real)
    r = filled(QUERIES * KEYS, ONE, real)
    q_tile = matrix(scratch(QUERIES * size, real), ZERO, size, ONE)
    dy_tile = matrix(scratch(QUERIES * size, real), ZERO, size, ONE)
    dq_tile = matrix(scratch(QUERIES * size, real), ZERO, size, ONE)
    for t in range(0, head.n_query, QUERIES):
        n_query = min(QUERIES, head.n_query - t)
        following = min(QUERIES, head.n_query - t - QUERIES)
        fetch(q, t + QUERIES, following, size)
        fetch(dy, t + QUERIES, following, size)
        fetch(y, t + QUERIES, following, size)
        reserve(dq, t, n_query, size)
        copy_rows(rows_from(q, t), q_tile, n_query, size)
        copy_rows(rows_from(dy, t), dy_tile, n_query, size)
        if head.rounding:
            round_row(part(q_tile.data, ZERO, n_query * size))
            round_row(part(dy_tile.data, ZERO, n_query * size))
        dq_tile.data[:] = 0
        q_rows = Panels(pack_rows_of(q_tile, n_query, size, QUERIES, SET), ZERO, n_query)
        dy_rows = Panels(pack_rows_of(dy_tile, n_query, size, QUERIES, SET), ZERO, n_query)
        _row_products(rows_from(y, t), dy_tile, n_query, size, delta)
        for j0 in range(first_tile(head, t, n_query), n_keys(head, t, n_query), KEYS):
            n = min(KEYS, n_key - j0)
            columns = Panels(keys.data, j0 * size, size), Panels(values.data, j0 * size, size)
            multiply(q_tile, columns[0], nothing, square(p), n_query, n, SET, EVERYTHING)
            hide(p, head, t, j0, n_query, n)
            multiply(dy_tile, columns[1], nothing, square(dp), n_query, n, SET, EVERYTHING)
            if head.limit > 0:
                set_survival(r, head, t, j0, n_query)
            for i in range(n_query):
                r_row = part(r, i * KEYS if head.limit > 0 else ZERO, n)
                score_gradients(i * KEYS, n, p, dp, r_row, lse[t + i], delta[i], head.scale)
            if head.rounding:
                round_row(part(p, ZERO, n_query * KEYS))
                round_row(part(dp, ZERO, n_query * KEYS))
            dk_tile, dv_tile = rows_from(dk, j0), rows_from(dv, j0)
            block, (seen, seeing) = key_block(key_rows, j0, n, size), bands(head, t, j0)
            multiply(square(dp), block, nothing, dq_tile, n_query, size, ADD, seen)
            multiply(_transposed(dp), q_rows, nothing, dk_tile, n, size, ADD, seeing)
            multiply(_transposed(p), dy_rows, nothing, dv_tile, n, size, ADD, seeing)
        copy_rows(dq_tile, rows_from(dq, t), n_query, size)
        release(q_rows.data)
        release(dy_rows.data)
    for room in (nothing, delta, p, dp, r, q_tile.data, dy_tile.data, dq_tile.data):
        release(room)


@helper()
def _transposed(data):
    """A tile, its keys as rows."""
    return Matrix(data, ZERO, ONE, KEYS, np.int64(ROWS))


@helper()
def score_gradients(first, n, p, dp, r_row, lse, delta, scale):
    """Of one query, from `first` on: scores in p become weights p r, and products dy . v in
    dp become gradients of the scores, times scale."""
    p_row, dp_row = part(p, first, n), part(dp, first, n)
    # Where nothing is visible lse = -inf, and all probabilities are 0.
    high, low = split(np.inf if lse == -np.inf else lse, delta)
    low = like(delta, 0) if lse == -np.inf else low
    for j in range(n):
        probability = exp(less(p_row[j], high, low))
        p_row[j] = probability * r_row[j]
        dp_row[j] = probability * (dp_row[j] * r_row[j] - delta) * scale


@helper()
def _row_products(y, dy, n_query, size, delta):
    """delta = dy . y of each row, summed in the order in which the tiles sum dy . v: of a
    query that sees one key they are equal, and must cancel to the last bit."""
    one = like(delta[0], 1)
    y_columns = pack_columns_of(y, n_query, size, one, SET).data
    dy_columns = pack_columns_of(dy, n_query, size, one, SET).data
    delta[:] = 0
    first = ZERO
    while first < n_query:
        width = panel_width(delta, n_query - first)
        total = part(delta, first, width)
        for d in range(size):
            a = part(y_columns, first * size + d * width, width)
            b = part(dy_columns, first * size + d * width, width)
            for i in range(width):
                total[i] += a[i] * b[i]
        first += width
    release(y_columns)
    release(dy_columns)
