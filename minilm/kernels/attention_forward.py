"""Forward through one head of attention, tile by tile: see `attention`."""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

import math

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
    scale_row,
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
    Panels,
    lanes,
    matrix,
    padded,
)
from minilm.kernels.product import ADD, EVERYTHING, SET, multiply
from minilm.kernels.scratch import filled, release, scratch, zeros
from minilm.kernels.vectors import dot, largest, part

__all__ = ["finish", "forward_head", "multiply_each", "online_softmax"]


@helper()
def forward_head(head, q, k, v, y, lse, first, step):
    """Sets y and lse (T,) of the query tiles first, first + step, ... of one head."""
    size, n_key, real = head.size, head.visible.size, q.data.dtype
    fetch(v, ZERO, n_key, size)
    keys = pack_columns_of(k, n_key, size, head.scale, head.rounding)
    values = pack_rows_of(v, n_key, size, KEYS, head.rounding)
    q_tile = matrix(scratch(QUERIES * size, real), ZERO, size, ONE)
    nothing, ones = zeros(padded(q.data, size) + KEYS, real), filled(KEYS, ONE, real)
    s, r = scratch(QUERIES * KEYS, real), scratch(QUERIES * KEYS, real)
    y_tile = matrix(scratch(QUERIES * size, real), ZERO, size, ONE)
    m, shrink, total = scratch(QUERIES, real), scratch(QUERIES, real), scratch(QUERIES, np.float64)
    for t in range(first * QUERIES, head.n_query, step * QUERIES):
        n_query = min(QUERIES, head.n_query - t)
        following = min(QUERIES, head.n_query - t - QUERIES)
        fetch(q, t + QUERIES, following, size)
        reserve(y, t, n_query, size)
        y_tile.data[:] = 0
        queries = rows_from(q, t)
        if head.rounding:
            copy_rows(queries, q_tile, n_query, size)
            round_row(part(q_tile.data, ZERO, n_query * size))
            queries = q_tile
        m[:] = -np.inf
        total[:] = 0
        for j0 in range(first_tile(head, t, n_query), n_keys(head, t, n_query), KEYS):
            n = min(KEYS, n_key - j0)
            block = Panels(keys.data, j0 * size, size)
            multiply(queries, block, nothing, square(s), n_query, n, SET, EVERYTHING)
            hide(s, head, t, j0, n_query, n)
            online_softmax(s, n_query, m, total, y_tile.data, size, ones, shrink)
            if head.limit > 0:
                set_survival(r, head, t, j0, n_query)
                multiply_each(s, r, n_query * KEYS)
            if head.rounding:
                round_row(part(s, ZERO, n_query * KEYS))
            seen, _ = bands(head, t, j0)
            block = key_block(values, j0, n, size)
            multiply(square(s), block, nothing, y_tile, n_query, size, ADD, seen)
        finish(rows_from(y, t), y_tile, m, total, part(lse, t, n_query), size)
    for room in (keys.data, values, nothing, ones, s, r, q_tile.data, y_tile.data, m, shrink):
        release(room)
    release(total)


@helper()
def online_softmax(s, n_query, m, total, y, size, ones, shrink):
    """The scores s of further keys become exp(s - m); m, total and y are brought up to date.

    Loops that go through all queries, one after the other, and branch in none but rarely: the
    processor then works at several rows at once.
    """
    for i in range(n_query):
        shrink[i] = largest(s, i * KEYS, KEYS // lanes(s))
    if _raise(part(m, ZERO, n_query), part(shrink, ZERO, n_query)):
        for i in range(n_query):
            if shrink[i] != like(shrink[i], 1):
                total[i] *= shrink[i]
                scale_row(part(y, i * size, size), shrink[i])
    for i in range(n_query):
        # Where nothing was seen yet, -inf - 0, and not -inf + inf.
        seen = m[i] if m[i] > -np.inf else like(m[i], 0)
        _exponentials(part(s, i * KEYS, KEYS), seen)
    for i in range(n_query):
        total[i] += dot(s, i * KEYS, ones, ZERO, KEYS // lanes(s))


@helper()
def _raise(m, highest):
    """The maxima m so far become those with `highest`, in whose place stands by what earlier
    sums shrink. Returns whether any does."""
    n_raised = 0
    for i in range(m.size):
        before, one = m[i], like(m[i], 1)
        after = highest[i] if highest[i] > before else before
        # Where nothing was seen yet nothing was summed, and -inf - -inf is not a number.
        lost = before - after if after > like(before, -np.inf) else like(before, 0)
        m[i], highest[i] = after, exp(lost) if after > before else one
        n_raised += 1 if after > before else 0
    return n_raised > 0


@helper()
def _exponentials(row, m):
    for j in range(row.size):
        row[j] = exp(row[j] - m)


@helper()
def multiply_each(s, r, n):
    for i in range(n):
        s[i] *= r[i]


@helper()
def finish(y, y_tile, m, total, lse, size):
    for i in range(lse.size):
        lse[i] = m[i] + math.log(total[i])
        share = like(m[i], 1 / total[i] if total[i] != 0 else 0.0)
        target, source = (
            part(y.data, y.first + i * y.row, size),
            part(y_tile.data, i * y_tile.row, size),
        )
        for d in range(size):
            target[d] = source[d] * share
