"""What both directions of attention need of one head: see `attention`."""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.exponential import like
from minilm.kernels.jit import helper
from minilm.kernels.packing import (
    ONE,
    ZERO,
    Matrix,
    Panels,
    matrix,
    new_panels,
    pack,
    padded,
)
from minilm.kernels.philox import philox4x32
from minilm.kernels.product import FAR, Band
from minilm.kernels.vectors import part

__all__ = [
    "KEYS",
    "QUERIES",
    "Head",
    "bands",
    "copy_rows",
    "first_tile",
    "hide",
    "key_block",
    "n_keys",
    "pack_columns_of",
    "pack_rows_of",
    "rows_from",
    "scale_row",
    "set_survival",
    "square",
]

# Of a tile. As many queries as keys, so that the fewest tiles lie on the causal diagonal;
# whole panels of keys, and a multiple of 4, which share a counter of dropout.
QUERIES = KEYS = np.int64(64)


class Head(NamedTuple):
    """What all tiles of one query head have in common."""

    number: int  # b * H + h
    n_query: int  # T
    size: int  # D
    visible: NDArray  # (S,): whether a key may be seen at all
    masked: bool  # whether any may not
    first: NDArray  # (T,): the first key that each query may see
    bounded: bool  # whether any is not 0
    causal: bool
    scale: float
    limit: int  # words below it are dropped
    survival: float  # 1 / (1 - dropout)
    k0: int  # the key of dropout
    k1: int
    rounding: bool  # whether what is multiplied is rounded to bfloat16


@helper()
def rows_from(x, i):
    """The rows from the i-th on."""
    return Matrix(x.data, x.first + i * x.row, x.row, x.column, x.tile)


@helper()
def square(data):
    """A tile of QUERIES x KEYS numbers."""
    return matrix(data, ZERO, KEYS, ONE)


@helper()
def scale_row(row, factor):
    """row *= factor."""
    for d in range(row.size):
        row[d] *= factor


@helper()
def pack_columns_of(x, n_rows, size, scale, rounding):
    """scale * x (n_rows, D), transposed and packed: KEYS columns from j on begin at j * D."""
    panels = Panels(new_panels(x.data, size, n_rows), ZERO, size)
    pack(matrix(x.data, x.first, ONE, x.row), panels, size, n_rows, rounding)
    scale_row(part(panels.data, ZERO, size * padded(x.data, n_rows)), scale)
    return panels


@helper()
def pack_rows_of(x, n_rows, size, step, rounding):
    """x (n_rows, D) packed in blocks of `step` rows: see `key_block`."""
    data = new_panels(x.data, n_rows, size)
    for j in range(0, n_rows, step):
        n = min(step, n_rows - j)
        pack(rows_from(x, j), Panels(data, j * padded(data, size), n), n, size, rounding)
    return data


@helper()
def key_block(data, j0, n, size):
    """The block of n rows from j0 on, of what `pack_rows_of` packed."""
    return Panels(data, j0 * padded(data, size), n)


@helper()
def copy_rows(x, y, n_rows, size):
    """y = x, rows of D numbers. Rows far apart, each on a page of memory of its own, are
    slow to come back to."""
    for i in range(n_rows):
        source = part(x.data, x.first + i * x.row, size)
        target = part(y.data, y.first + i * y.row, size)
        for d in range(size):
            target[d] = source[d]


@helper()
def first_tile(head, t, n_query):
    """Where the first tile of keys begins that any query of a tile sees."""
    least = head.first[t]
    for i in range(t + 1, t + n_query):
        least = min(least, head.first[i])
    return max(ZERO, least // KEYS * KEYS)


@helper()
def n_keys(head, t, n_query):
    """How many keys the last query of a tile sees, and so the most."""
    n_key = head.visible.size
    if not head.causal:
        return n_key
    return max(ZERO, min(n_key, t + n_query + n_key - head.n_query))


@helper()
def bands(head, t, j0):
    """Of a tile of weights, and of the same transposed: what may differ from 0."""
    # So many keys are seen by its first query, and one more by each that follows.
    n_seen = t + 1 + head.visible.size - head.n_query - j0 if head.causal else FAR
    return Band(-FAR, n_seen), Band(ONE - n_seen, FAR)


@helper(apart=True)
def hide(s, head, t, j0, n_query, n):
    """-inf for what a query may not see, and for the keys from the n-th on, which are not
    there: s[i, j] is the score of query t + i and key j0 + j."""
    hidden = like(head.scale, -np.inf)
    n_seen = t + 1 + head.visible.size - head.n_query - j0  # by the first query
    plain = n == KEYS and not head.masked and not head.bounded
    if plain and (n_seen >= KEYS or not head.causal):
        return
    for i in range(n_query):
        row = part(s, i * KEYS, n)
        if head.causal:
            for j in range(max(ZERO, n_seen + i), n):
                row[j] = hidden
        for j in range(min(n, head.first[t + i] - j0)):
            row[j] = hidden
        if head.masked:
            for j in range(n):
                row[j] = row[j] if head.visible[j0 + j] else hidden
        for j in range(n, KEYS):
            s[i * KEYS + j] = hidden


@helper(apart=True)
def set_survival(r, head, t, j0, n_query):
    """r[i, j] = 0 if the probability of query t + i and key j0 + j is dropped, else
    1 / (1 - dropout), for KEYS keys."""
    c2, c3 = np.uint32(head.number), np.uint32(1)
    for i in range(n_query):
        row = part(r, i * KEYS, KEYS)
        for block in range(KEYS // 4):
            c0 = np.uint32(j0 // 4 + block)
            words = philox4x32(c0, np.uint32(t + i), c2, c3, head.k0, head.k1)
            row[4 * block] = _keep(words[0], head)
            row[4 * block + 1] = _keep(words[1], head)
            row[4 * block + 2] = _keep(words[2], head)
            row[4 * block + 3] = _keep(words[3], head)


@helper()
def _keep(word, head):
    return like(head.survival, 0) if word < head.limit else head.survival
