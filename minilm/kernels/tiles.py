"""The inner loops of attention: products and copies of small tiles that stay in the cache.

A tile is a flat array whose rows begin `LANES` numbers apart, and the functions work on
the first n lanes of its first rows; for other lanes the caller passes ``tile[low:]``.
Every loop runs along the lanes. As the distance of the rows is fixed, the compiler sees,
once for a whole tile, that they do not overlap; with rows of a two-dimensional array it
could not, and would not use vectors.

The large arrays, on the other side, come as `Rows`: the channels of a row are neighbours,
the rows any stride apart.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.exponential import like
from minilm.kernels.jit import helper

__all__ = [
    "LANES",
    "Rows",
    "add_product",
    "clear",
    "load_columns",
    "load_rows",
    "new_tile",
    "rows_from",
    "store_columns",
    "store_rows",
]

LANES = 64


class Rows(NamedTuple):
    """Rows of a large array: channel d of row i is ``data[i * stride + d]``."""

    data: NDArray
    stride: int


@helper()
def rows_from(x, i):
    """The rows from row i on."""
    return Rows(x.data[i * x.stride :], x.stride)


@helper()
def new_tile(like_x, n_rows):
    """A tile of the dtype of an array; its numbers are not set."""
    return np.empty(n_rows * LANES, like_x.dtype)


@helper()
def add_product(c, a, row, column, b, n_rows, depth, n):
    """c[r, i] += sum_u a[r, u] b[u, i] for r < n_rows and u < depth, where c and b are
    tiles, and a[r, u] is the number ``a[r * row + u * column]``."""
    rows_4, depth_4 = n_rows // 4 * 4, depth // 4 * 4
    for r in range(0, rows_4, 4):
        c_rows = c[r * LANES :]
        for u in range(0, depth_4, 4):
            _add_4x4(c_rows, a[r * row + u * column :], row, column, b[u * LANES :], n)
    for r in range(n_rows):
        c_row = c[r * LANES :]
        for u in range(depth_4 if r < rows_4 else 0, depth):
            _add_row(c_row, a[r * row + u * column], b[u * LANES :], n)


@helper(exact=True)
def _add_4x4(c, a, row, column, b, n):
    # Four rows and four terms at once: each number loaded serves four multiplications. Exact,
    # so that four terms are summed before they go into c: regrouped, each would be rounded at
    # the size that c has by then.
    a00, a01, a02, a03 = a[0], a[column], a[2 * column], a[3 * column]
    a = a[row:]
    a10, a11, a12, a13 = a[0], a[column], a[2 * column], a[3 * column]
    a = a[row:]
    a20, a21, a22, a23 = a[0], a[column], a[2 * column], a[3 * column]
    a = a[row:]
    a30, a31, a32, a33 = a[0], a[column], a[2 * column], a[3 * column]
    for i in range(n):
        b0, b1, b2, b3 = b[i], b[i + LANES], b[i + 2 * LANES], b[i + 3 * LANES]
        c[i] += a00 * b0 + a01 * b1 + a02 * b2 + a03 * b3
        c[i + LANES] += a10 * b0 + a11 * b1 + a12 * b2 + a13 * b3
        c[i + 2 * LANES] += a20 * b0 + a21 * b1 + a22 * b2 + a23 * b3
        c[i + 3 * LANES] += a30 * b0 + a31 * b1 + a32 * b2 + a33 * b3


@helper()
def _add_row(c, factor, b, n):
    for i in range(n):
        c[i] += factor * b[i]


@helper()
def clear(tile, n_rows, n):
    """Set the tile to 0."""
    for r in range(n_rows):
        row = tile[r * LANES :]
        for i in range(n):
            row[i] = like(row[i], 0)


@helper()
def load_columns(tile, x, n_rows, n_columns, scale, n):
    """Rows of x become columns: lane i of row d is scale * channel d of row i, and 0
    for i from n_rows to n."""
    for d in range(n_columns):
        row, column, stride = tile[d * LANES :], x.data[d:], x.stride
        for i in range(n_rows):
            row[i] = column[i * stride] * scale
        for i in range(n_rows, n):
            row[i] = like(scale, 0)


@helper()
def store_columns(tile, x, n_rows, n_columns, factor):
    """The way back: channel d of row i is set to factor[i] * lane i of row d."""
    for i in range(n_rows):
        column, row = tile[i:], x.data[i * x.stride :]
        for d in range(n_columns):
            row[d] = column[d * LANES] * factor[i]


@helper()
def load_rows(tiles, x, n_rows, n_columns, scale, n):
    """Rows stay rows: scale * channel d of row i becomes lane d % LANES of row i of the tile
    d // LANES, where a tile has LANES rows; rows from n_rows to n are 0."""
    for first in range(0, n_columns, LANES):
        width = min(LANES, n_columns - first)
        tile = tiles[first * LANES :]
        for i in range(n_rows):
            row, source = tile[i * LANES :], x.data[i * x.stride + first :]
            for d in range(width):
                row[d] = source[d] * scale
        clear(tile[n_rows * LANES :], n - n_rows, width)


@helper()
def store_rows(tiles, x, n_rows, n_columns):
    """The way back, from tiles of n_rows rows: channel d of row i is set to lane d % LANES
    of row i of the tile d // LANES."""
    for first in range(0, n_columns, LANES):
        width = min(LANES, n_columns - first)
        tile = tiles[first * n_rows :]
        for i in range(n_rows):
            row, target = tile[i * LANES :], x.data[i * x.stride + first :]
            for d in range(width):
                target[d] = row[d]
