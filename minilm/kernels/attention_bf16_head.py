"""One head of attention in mixed precision, tile by tile: see `attention_bf16`."""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.attention_backward import score_gradients
from minilm.kernels.attention_forward import finish, multiply_each, online_softmax
from minilm.kernels.attention_head import (
    KEYS,
    QUERIES,
    copy_rows,
    first_tile,
    hide,
    n_keys,
    rows_from,
    scale_row,
    set_survival,
)
from minilm.kernels.bfloat16 import LANES, LEFT, RIGHT, STEP, TILE, Factor, pack, rounded, tiles
from minilm.kernels.bfloat16_tiles import SIDE, multiply
from minilm.kernels.fetch import fetch, reserve
from minilm.kernels.jit import helper
from minilm.kernels.packing import ONE, ZERO, matrix
from minilm.kernels.product import ADD, SET
from minilm.kernels.scratch import filled, release, scratch, zeros
from minilm.kernels.vectors import part

__all__ = ["backward_head", "forward_head", "pack_keys", "wide"]


class Packed(NamedTuple):
    """A factor of n_steps tiles along the summed index, from a place in some words on."""

    words: NDArray
    first: int
    n_steps: int


@helper()
def wide(n):
    """n, rounded up to what one tile product computes."""
    return tiles(n, SIDE) * SIDE


@helper()
def _words(n_rows, n_columns):
    return scratch(wide(n_rows) // LANES * tiles(n_columns, STEP) * TILE, np.uint32)


@helper()
def _fill(a, b, c, c0, c_row, n_rows, n_columns, adding, nothing, engine):
    """c from c0 on = a b, or += a b: it has room for whole tile products."""
    step = a.n_steps * TILE
    for j in range(0, n_columns, SIDE):
        for i in range(0, n_rows, SIDE):
            a0, b0 = a.first + i // LANES * step, b.first + j // LANES * step
            multiply(a.words, a0, a0 + step, b.words, b0, b0 + step, a.n_steps, nothing, ZERO,
                     c, c0 + i * c_row + j, c_row, adding, engine)  # fmt: skip


@helper()
def _packed(words, x, n_rows, n_columns, left):
    pack(x, n_rows, n_columns, words, left)
    return Packed(words, ZERO, tiles(n_columns, STEP))


@helper()
def _pack_columns(x, n_rows, size):
    """x (n_rows, D) as a right factor whose columns are the rows of x, summed over D."""
    words = _words(n_rows, size)
    return _packed(words, Factor(x.data, x.first, x.row, ONE), n_rows, size, RIGHT)


@helper()
def _columns_at(packed, j0):
    """From the j0-th column on."""
    return Packed(packed.words, j0 // LANES * packed.n_steps * TILE, packed.n_steps)


@helper()
def _pack_rows(words, x, n_rows, size):
    """x (n_rows, D) as a right factor with D columns, summed over its rows."""
    return _packed(words, Factor(x.data, x.first, ONE, x.row), size, n_rows, RIGHT)


@helper()
def _block(size):
    """Words of a block of KEYS rows."""
    return wide(size) // LANES * (KEYS // STEP) * TILE


@helper()
def _pack_blocks(x, n_rows, size):
    """x (n_rows, D), KEYS rows at a time: block j begins at j * _block(D)."""
    words = scratch(tiles(n_rows, KEYS) * _block(size), np.uint32)
    for block in range(tiles(n_rows, KEYS)):
        n = min(KEYS, n_rows - block * KEYS)
        place = part(words, block * _block(size), _block(size))
        _pack_rows(place, rows_from(x, block * KEYS), n, size)
    return words


@helper()
def _block_at(words, j0, n, size):
    return Packed(words, j0 // KEYS * _block(size), tiles(n, STEP))


@helper()
def forward_head(head, q, k, v, y, lse, first, step, engine):
    """Sets y and lse (T,) of the query tiles first, first + step, ... of one head."""
    size, n_key, width = head.size, head.visible.size, wide(head.size)
    fetch(v, ZERO, n_key, size)
    keys, values = _pack_columns(k, n_key, size), _pack_blocks(v, n_key, size)
    nothing, ones = zeros(SIDE, np.float32), filled(KEYS, ONE, np.float32)
    s, r = zeros(QUERIES * KEYS, np.float32), scratch(QUERIES * KEYS, np.float32)
    q_words, p_words = _words(QUERIES, size), _words(QUERIES, KEYS)
    y_tile = scratch(QUERIES * width, np.float32)
    m, shrink = scratch(QUERIES, np.float32), scratch(QUERIES, np.float32)
    total = scratch(QUERIES, np.float64)
    for t in range(first * QUERIES, head.n_query, step * QUERIES):
        n_query = min(QUERIES, head.n_query - t)
        queries = _packed(q_words, Factor(q.data, q.first + t * q.row, q.row, ONE),
                          n_query, size, LEFT)  # fmt: skip
        following = min(QUERIES, head.n_query - t - QUERIES)
        fetch(q, t + QUERIES, following, size)
        reserve(y, t, n_query, size)
        y_tile[:] = 0
        m[:] = -np.inf
        total[:] = 0
        for j0 in range(first_tile(head, t, n_query), n_keys(head, t, n_query), KEYS):
            n = min(KEYS, n_key - j0)
            columns = _columns_at(keys, j0)
            _fill(queries, columns, s, ZERO, KEYS, n_query, n, SET, nothing, engine)
            scale_row(part(s, ZERO, n_query * KEYS), head.scale)
            hide(s, head, t, j0, n_query, n)
            online_softmax(s, n_query, m, total, y_tile, width, ones, shrink)
            if head.limit > 0:
                set_survival(r, head, t, j0, n_query)
                multiply_each(s, r, n_query * KEYS)
            weights = _packed(p_words, Factor(s, ZERO, KEYS, ONE), n_query, n, LEFT)
            block = _block_at(values, j0, n, size)
            _fill(weights, block, y_tile, ZERO, width, n_query, size, ADD, nothing, engine)
        tile = matrix(y_tile, ZERO, width, ONE)
        finish(rows_from(y, t), tile, m, total, part(lse, t, n_query), size)
    for room in (nothing, ones, s, r, y_tile, m, shrink):
        release(room)
    for packed in (keys.words, values, q_words, p_words):
        release(packed)
    release(total)


@helper()
def pack_keys(head, k, v):
    """What `backward_head` needs of a key head: keys and values as columns, keys as rows."""
    n_key, size = head.visible.size, head.size
    fetch(v, ZERO, n_key, size)
    return (
        _pack_columns(k, n_key, size),
        _pack_columns(v, n_key, size),
        _pack_blocks(k, n_key, size),
    )


@helper()
def backward_head(head, q, y, dy, dq, lse, dk, dv, packed, engine):
    """Sets dq of one query head, and adds what it contributes to dk and dv: rows of
    ``wide(D)`` numbers, and room for whole tiles.

    `packed` is what `pack_keys` made of its key head.
    """
    size, n_key, width = head.size, head.visible.size, wide(head.size)
    keys, values, key_rows = packed
    nothing, delta = zeros(SIDE, np.float32), scratch(QUERIES, np.float32)
    p, dp = zeros(QUERIES * KEYS, np.float32), zeros(QUERIES * KEYS, np.float32)
    r = filled(QUERIES * KEYS, ONE, np.float32)
    q_tile = matrix(scratch(QUERIES * size, np.float32), ZERO, size, ONE)
    dy_tile = matrix(scratch(QUERIES * size, np.float32), ZERO, size, ONE)
    dq_tile = matrix(scratch(QUERIES * width, np.float32), ZERO, width, ONE)
    q_words, dy_words = _words(QUERIES, size), _words(QUERIES, size)
    q_room, dy_room = scratch(_block(size), np.uint32), scratch(_block(size), np.uint32)
    words = _words(QUERIES, KEYS)
    for t in range(0, head.n_query, QUERIES):
        n_query = min(QUERIES, head.n_query - t)
        following = min(QUERIES, head.n_query - t - QUERIES)
        fetch(q, t + QUERIES, following, size)
        fetch(dy, t + QUERIES, following, size)
        fetch(y, t + QUERIES, following, size)
        reserve(dq, t, n_query, size)
        copy_rows(rows_from(q, t), q_tile, n_query, size)
        copy_rows(rows_from(dy, t), dy_tile, n_query, size)
        dq_tile.data[:] = 0
        queries = _packed(q_words, Factor(q_tile.data, ZERO, size, ONE), n_query, size, LEFT)
        dys = _packed(dy_words, Factor(dy_tile.data, ZERO, size, ONE), n_query, size, LEFT)
        q_rows = _pack_rows(q_room, q_tile, n_query, size)
        dy_rows = _pack_rows(dy_room, dy_tile, n_query, size)
        _row_products(rows_from(y, t), dy_tile, n_query, size, delta)
        for j0 in range(first_tile(head, t, n_query), n_keys(head, t, n_query), KEYS):
            n = min(KEYS, n_key - j0)
            key_columns, value_columns = _columns_at(keys, j0), _columns_at(values, j0)
            _fill(queries, key_columns, p, ZERO, KEYS, n_query, n, SET, nothing, engine)
            scale_row(part(p, ZERO, n_query * KEYS), head.scale)
            hide(p, head, t, j0, n_query, n)
            _fill(dys, value_columns, dp, ZERO, KEYS, n_query, n, SET, nothing, engine)
            if head.limit > 0:
                set_survival(r, head, t, j0, n_query)
            for i in range(n_query):
                r_row = part(r, i * KEYS if head.limit > 0 else ZERO, n)
                score_gradients(i * KEYS, n, p, dp, r_row, lse[t + i], delta[i], head.scale)
            ds = _packed(words, Factor(dp, ZERO, KEYS, ONE), n_query, n, LEFT)
            block = _block_at(key_rows, j0, n, size)
            _fill(ds, block, dq_tile.data, ZERO, width, n_query, size, ADD, nothing, engine)
            ds = _packed(words, Factor(dp, ZERO, ONE, KEYS), n, n_query, LEFT)
            _fill(ds, q_rows, dk, j0 * width, width, n, size, ADD, nothing, engine)
            weights = _packed(words, Factor(p, ZERO, ONE, KEYS), n, n_query, LEFT)
            _fill(weights, dy_rows, dv, j0 * width, width, n, size, ADD, nothing, engine)
        copy_rows(dq_tile, rows_from(dq, t), n_query, size)
    for room in (nothing, delta, p, dp, r, q_tile.data, dy_tile.data, dq_tile.data):
        release(room)
    for packed_again in (q_words, dy_words, q_room, dy_room, words):
        release(packed_again)


@helper()
def _row_products(y, dy, n_query, size, delta):
    """delta = r(dy) . y of each row: with the rounded dy, as in dp, so that what must cancel
    does but for the order of the sums."""
    for i in range(n_query):
        a, b = part(y.data, y.first + i * y.row, size), part(dy.data, i * dy.row, size)
        total = np.float32(0)
        for d in range(size):
            total += a[d] * rounded(b[d])
        delta[i] = total
