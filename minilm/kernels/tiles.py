"""The inner loops of attention: products and copies of small tiles that stay in the cache.

A tile is a flat array whose rows begin `LANES` numbers apart, and the functions work on
the first n lanes of its first rows; for other lanes the caller passes ``tile[low:]``.
Every loop runs along the lanes. As the distance of the rows is fixed, the compiler sees,
once for a whole tile, that they do not overlap; with rows of a two-dimensional array it
could not, and would not use vectors.

The large arrays, on the other side, come as their memory from some element on, with a
stride: ``x[i * stride + d]`` is channel d of row i.
"""

from __future__ import annotations

from minilm.kernels.exponential import like
from minilm.kernels.jit import helper

__all__ = [
    "LANES",
    "add_product",
    "clear",
    "load_columns",
    "load_rows",
    "store_columns",
    "store_rows",
]

LANES = 64


@helper()
def add_product(c, a, row, column, b, n_rows, depth, n):  # type: ignore[no-untyped-def]
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


@helper(inline=True)
def _add_4x4(c, a, row, column, b, n):  # type: ignore[no-untyped-def]
    # Four rows and four terms at once: each number loaded serves four multiplications.
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


@helper(inline=True)
def _add_row(c, factor, b, n):  # type: ignore[no-untyped-def]
    for i in range(n):
        c[i] += factor * b[i]


@helper()
def clear(tile, n_rows, n):  # type: ignore[no-untyped-def]
    """Set the tile to 0."""
    for r in range(n_rows):
        row = tile[r * LANES :]
        for i in range(n):
            row[i] = like(row[i], 0)


@helper()
def load_columns(tile, x, stride, n_rows, n_columns, scale, n):  # type: ignore[no-untyped-def]
    """Rows of x become columns: lane i of row d is scale * x[i * stride + d], and 0 for
    i from n_rows to n."""
    for d in range(n_columns):
        row, column = tile[d * LANES :], x[d:]
        for i in range(n_rows):
            row[i] = column[i * stride] * scale
        for i in range(n_rows, n):
            row[i] = like(scale, 0)


@helper()
def store_columns(tile, x, stride, n_rows, n_columns, factor):  # type: ignore[no-untyped-def]
    """The way back: x[i * stride + d] = factor[i] * lane i of row d."""
    for i in range(n_rows):
        column, row = tile[i:], x[i * stride :]
        for d in range(n_columns):
            row[d] = column[d * LANES] * factor[i]


@helper()
def load_rows(tiles, x, stride, n_rows, n_columns, scale, n):  # type: ignore[no-untyped-def]
    """Rows stay rows: scale * x[i * stride + d] becomes lane d % LANES of row i of the
    tile d // LANES, where a tile has LANES rows; rows from n_rows to n are 0."""
    for first in range(0, n_columns, LANES):
        width = min(LANES, n_columns - first)
        tile = tiles[first * LANES :]
        for i in range(n_rows):
            row, source = tile[i * LANES :], x[i * stride + first :]
            for d in range(width):
                row[d] = source[d] * scale
        clear(tile[n_rows * LANES :], n - n_rows, width)


@helper()
def store_rows(tiles, x, stride, n_rows, n_columns):  # type: ignore[no-untyped-def]
    """The way back of rows in tiles of n_rows rows: x[i * stride + d] = lane d % LANES of
    row i of the tile d // LANES."""
    for first in range(0, n_columns, LANES):
        width = min(LANES, n_columns - first)
        tile = tiles[first * n_rows :]
        for i in range(n_rows):
            row, target = tile[i * LANES :], x[i * stride + first :]
            for d in range(width):
                target[d] = row[d]
