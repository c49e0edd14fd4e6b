"""One tile of queries against all its keys, forward and backward: see `attention`."""

# mypy: allow-untyped-defs
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.exponential import exp, like
from minilm.kernels.jit import helper
from minilm.kernels.pairs import less, split
from minilm.kernels.philox import philox4x32
from minilm.kernels.tiles import (
    LANES,
    add_product,
    clear,
    load_columns,
    load_rows,
    new_tile,
    rows_from,
    store_columns,
)

__all__ = ["Head", "backward_tile", "forward_tile"]

# Whole numbers of NumPy: for a bare constant Numba compiles a helper once more.
ONE = np.int64(1)
KEYS = np.int64(16)  # keys a tile: a multiple of 4, since four share a counter of dropout
LOWEST = -3e38  # below any score
ALIGN = 16  # lanes are used in multiples of this many, so that vectors are full


class Head(NamedTuple):
    """What all tiles of one query head have in common."""

    number: int  # b * H + h
    n_query: int  # T
    size: int  # D
    visible: NDArray  # (S,): whether a key may be seen at all
    causal: bool
    scale: float
    limit: int  # words below it are dropped
    survival: float  # 1 / (1 - dropout)
    k0: int  # the key of dropout
    k1: int


@helper()
def _lanes(head, t):
    """Of the tile that begins with query t: the number of queries, of lanes in use, of keys
    to go through, and the lane from which on key 0 is seen."""
    n_key = head.visible.size
    n_query = min(LANES, head.n_query - t)
    n_lanes = (n_query + ALIGN - 1) // ALIGN * ALIGN
    if not head.causal:
        return n_query, n_lanes, n_key, -n_key
    offset = n_key - head.n_query
    return n_query, n_lanes, max(0, min(n_key, t + n_query + offset)), -offset - t


@helper()
def _scores(s, q, k, head, visible, first, n):
    """s[j, i] = k_j . q_i, or -inf if query i may not see key j: it is seen from lane
    first + j on, if at all."""
    clear(s, visible.size, n)
    add_product(s, k.data, k.stride, ONE, q, visible.size, head.size, n)
    for j in range(visible.size):
        row = s[j * LANES :]
        for i in range(min(n, first + j) if visible[j] else n):
            row[i] = like(head.scale, -np.inf)


@helper()
def _survival(r, head, j0, t, n):
    """r[j, i] = 0 if the probability of query t + i and key j0 + j is dropped, else
    1 / (1 - dropout), for KEYS keys."""
    for block in range(KEYS // 4):
        tile = r[4 * block * LANES :]
        c0, c2, c3 = np.uint32(j0 // 4 + block), np.uint32(head.number), np.uint32(1)
        for i in range(n):
            words = philox4x32(c0, np.uint32(t + i), c2, c3, head.k0, head.k1)
            tile[i] = _keep(words[0], head)
            tile[LANES + i] = _keep(words[1], head)
            tile[2 * LANES + i] = _keep(words[2], head)
            tile[3 * LANES + i] = _keep(words[3], head)


@helper()
def _keep(word, head):
    return like(head.survival, 0) if word < head.limit else head.survival


@helper()
def _online_softmax(s, n_keys, m, total, shrink, y, head):
    """The scores s of further keys become exp(s - m); m, total and y are brought up to date."""
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
            shrink[i] = exp(shrink[i] - m[i])
            total[i] *= shrink[i]
        for d in range(head.size):
            row = y[d * LANES :]
            for i in range(n):
                row[i] *= shrink[i]
    tile_total = shrink  # summed by tiles: fewer roundings at the size of the total
    for i in range(n):
        tile_total[i] = like(m[i], 0)
    for j in range(n_keys):
        row = s[j * LANES :]
        for i in range(n):
            row[i] = exp(row[i] - m[i])
            tile_total[i] += row[i]
    for i in range(n):
        total[i] += tile_total[i]


@helper()
def _multiply(s, r, n_rows, n):
    for j in range(n_rows):
        s_row, r_row = s[j * LANES :], r[j * LANES :]
        for i in range(n):
            s_row[i] *= r_row[i]


@helper()
def forward_tile(head, t, q, k, v, y, lse):
    """Sets y and lse of up to LANES queries of one head, those from t on: q and y are the
    rows from there on, lse (T,)."""
    n_query, n_lanes, n_keys, first = _lanes(head, t)
    q_tile, y_tile = new_tile(q.data, head.size), new_tile(q.data, head.size)
    s, r = new_tile(q.data, KEYS), new_tile(q.data, KEYS)
    m, total, shrink = new_tile(q.data, ONE), new_tile(lse, ONE), new_tile(q.data, ONE)
    load_columns(q_tile, q, n_query, head.size, head.scale, n_lanes)
    clear(y_tile, head.size, n_lanes)
    total[:] = 0
    m[:] = LOWEST  # and not -inf, so that exp(-inf - m) is 0 for a query that sees nothing

    for j0 in range(0, n_keys, KEYS):
        visible = head.visible[j0 : min(j0 + KEYS, n_keys)]
        low = max(0, first + j0) // ALIGN * ALIGN  # earlier lanes see none of these keys
        n, y_part = n_lanes - low, y_tile[low:]
        m_part, total_part = m[low:n_lanes], total[low:n_lanes]
        _scores(s, q_tile[low:], rows_from(k, j0), head, visible, first + j0 - low, n)
        _online_softmax(s, visible.size, m_part, total_part, shrink, y_part, head)
        if head.limit > 0:
            _survival(r, head, j0, t + low, n)
            _multiply(s, r, visible.size, n)
        values = rows_from(v, j0)
        add_product(y_part, values.data, ONE, values.stride, s, head.size, visible.size, n)

    for i in range(n_query):
        lse[t + i] = m[i] + math.log(total[i])
        shrink[i] = like(m[i], 1 / total[i] if total[i] != 0 else 0.0)
    store_columns(y_tile, y, n_query, head.size, shrink)


@helper()
def _load_statistics(high, low, delta, head, lse, y, dy, n_query, n):
    """lse = high + low and delta = dy . y of each lane; where nothing is visible high = +inf,
    which makes all probabilities 0."""
    zero = like(head.scale, 0)
    for i in range(n):
        known = i < n_query and lse[min(i, n_query - 1)] != -np.inf
        high[i], low[i] = split(lse[i], zero) if known else (like(zero, np.inf), zero)
        delta[i] = zero
    for d in range(head.size):
        y_row, dy_row = y[d * LANES :], dy[d * LANES :]
        for i in range(n):
            delta[i] += y_row[i] * dy_row[i]


@helper()
def _score_gradients(p, dp, r, high, low, delta, n_keys):
    """Scores in p become weights p r, and products dy . v in dp become gradients of scores."""
    for j in range(n_keys):
        row = slice(j * LANES, (j + 1) * LANES)
        p_row, dp_row, r_row = p[row], dp[row], r[row]
        for i in range(high.size):
            probability = exp(less(p_row[i], high[i], low[i]))
            p_row[i] = probability * r_row[i]
            dp_row[i] = probability * (dp_row[i] * r_row[i] - delta[i])


@helper()
def backward_tile(head, t, q, k, v, y, dy, dq, lse, dk_tiles, dv_tiles):
    """Sets dq of up to LANES queries of one head, those from t on, and adds what they
    contribute to dk and dv: tiles of S rows, one for each LANES channels."""
    n_query, n_lanes, n_keys, first = _lanes(head, t)
    one, size, n_key = like(head.scale, 1), head.size, head.visible.size
    q_columns, q_rows = new_tile(q.data, size), new_tile(q.data, size + LANES)
    dy_columns, dy_rows = new_tile(q.data, size), new_tile(q.data, size + LANES)
    dq_columns, factor = new_tile(q.data, size), new_tile(q.data, ONE)
    p, dp, r = new_tile(q.data, KEYS), new_tile(q.data, KEYS), new_tile(q.data, KEYS)
    high, rest, delta = new_tile(q.data, ONE), new_tile(q.data, ONE), new_tile(q.data, ONE)
    load_columns(q_columns, q, n_query, size, head.scale, n_lanes)
    load_rows(q_rows, q, n_query, size, head.scale, n_lanes)
    load_columns(dy_columns, dy, n_query, size, one, n_lanes)
    load_rows(dy_rows, dy, n_query, size, one, n_lanes)
    load_columns(dq_columns, y, n_query, size, one, n_lanes)
    _load_statistics(high, rest, delta, head, lse[t:], dq_columns, dy_columns, n_query, n_lanes)
    clear(dq_columns, size, n_lanes)
    r[:] = one

    along = np.int64(LANES)
    for j0 in range(0, n_keys, KEYS):
        visible = head.visible[j0 : min(j0 + KEYS, n_keys)]
        n_rows, low = visible.size, max(0, first + j0) // ALIGN * ALIGN
        n = n_lanes - low
        keys, values = rows_from(k, j0), rows_from(v, j0)
        _scores(p, q_columns[low:], keys, head, visible, first + j0 - low, n)
        clear(dp, n_rows, n)
        add_product(dp, values.data, values.stride, ONE, dy_columns[low:], n_rows, size, n)
        if head.limit > 0:
            _survival(r, head, j0, t + low, n)
        lanes = slice(low, n_lanes)
        _score_gradients(p, dp, r, high[lanes], rest[lanes], delta[lanes], n_rows)
        add_product(dq_columns[low:], keys.data, ONE, keys.stride, dp, size, n_rows, n)
        for d in range(0, size, LANES):
            width, rows = min(LANES, size - d), (d + low) * LANES
            to = d * n_key + j0 * LANES
            add_product(dk_tiles[to:], dp, along, ONE, q_rows[rows:], n_rows, n, width)
            add_product(dv_tiles[to:], p, along, ONE, dy_rows[rows:], n_rows, n, width)
    factor[:] = head.scale
    store_columns(dq_columns, dq, n_query, size, factor)
