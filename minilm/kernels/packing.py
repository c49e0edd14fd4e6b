"""The factors of a product in the order in which the tiles of `registers` read them.

A right factor is packed in panels, as wide as a tile: so a tile reads it in order. Rows of a left
factor are read where they lie, but if their numbers are far apart: each would cost a cache line.

In mixed precision, where no instruction for bfloat16 is faster, both are packed and rounded: a
product of two such numbers is exact in float32.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.bfloat16 import round_row
from minilm.kernels.fetch import fetch
from minilm.kernels.jit import helper
from minilm.kernels.processor import BYTES
from minilm.kernels.registers import ROWS, VECTORS
from minilm.kernels.scratch import scratch
from minilm.kernels.vectors import copy_8, part, transpose_square

__all__ = [
    "ONE",
    "ZERO",
    "Matrix",
    "Panels",
    "lanes",
    "matrix",
    "new_panels",
    "pack",
    "pack_columns",
    "pack_rows",
    "padded",
    "panel_width",
]

# Numbers of NumPy's: for a bare constant Numba compiles a helper once more.
ZERO, ONE = np.int64(0), np.int64(1)
AHEAD = np.int64(12)  # rows that are asked for before they are packed


class Matrix(NamedTuple):
    """A matrix in some memory: element (i, j) is data[first + i * row + j * column].

    From one tile of ROWS rows to the next it is `tile`, which is ROWS * row unless packed.
    """

    data: NDArray
    first: int
    row: int
    column: int
    tile: int


class Panels(NamedTuple):
    """A packed matrix of `size` rows: see `pack`."""

    data: NDArray
    first: int
    size: int


@helper()
def matrix(data, first, row, column):
    """A matrix that is not packed."""
    return Matrix(data, first, row, column, ROWS * row)


@helper()
def lanes(x):
    """How many numbers of x fit a vector register."""
    return np.int64(BYTES // x.itemsize)


@helper()
def padded(x, n):
    """n, rounded up to full vectors."""
    return (n + lanes(x) - 1) // lanes(x) * lanes(x)


@helper()
def panel_width(x, n_columns):
    """The width of the next panel when so many columns are left: 4, 2 or 1 vectors."""
    one = lanes(x)
    if VECTORS == 4 and n_columns >= 4 * one:
        return 4 * one
    return 2 * one if n_columns >= 2 * one else one


@helper()
def new_panels(x, n_rows, n_columns):
    """Room for n_rows x n_columns, packed, and for one tile behind it."""
    return scratch(n_rows * padded(x, n_columns) + ROWS * VECTORS * lanes(x), x.dtype)


@helper(apart=True)
def pack(b, panels, n_rows, n_columns, rounding):
    """b as panels: column j is in the panel that begins at j * size, whose rows lie one
    behind the other; zeros fill the last vector. With `rounding` it becomes bfloat16."""
    j = ZERO
    while j < n_columns:
        width = panel_width(panels.data, n_columns - j)
        to, n = panels.first + j * panels.size, min(width, n_columns - j)
        if b.column == 1:
            ahead = Matrix(b.data, b.first + j, b.row, ONE, ZERO)
            for k in range(n_rows):
                fetch(ahead, k + AHEAD, ONE if k + AHEAD < n_rows else ZERO, n)
                source = part(b.data, b.first + k * b.row + j, n)
                row = part(panels.data, to + k * width, n)
                for i in range(n):
                    row[i] = source[i]
                if rounding:
                    round_row(row)
        else:
            columns = Matrix(b.data, b.first + j * b.column, b.column, b.row, ZERO)
            _transpose(columns, n, n_rows, panels.data, to, width)
            if rounding:
                round_row(part(panels.data, to, n_rows * width))
        for k in range(n_rows if n < width else ZERO):
            row = part(panels.data, to + k * width + n, width - n)
            for i in range(width - n):
                row[i] = 0
        j += width


@helper()
def _transpose(x, n_rows, n_columns, y, y0, y_row):
    """y[j, i] = x[i, j], square by square, so that both sides stay in the cache."""
    side = lanes(y)
    for i0 in range(0, n_rows, side):
        for j0 in range(0, n_columns, side):
            height, width = min(side, n_rows - i0), min(side, n_columns - j0)
            if height == side and width == side and x.column == 1:
                transpose_square(
                    x.data, x.first + i0 * x.row + j0, x.row, y, y0 + j0 * y_row + i0, y_row
                )
            else:
                for i in range(i0, i0 + height):
                    for j in range(j0, j0 + width):
                        y[y0 + j * y_row + i] = x.data[x.first + i * x.row + j * x.column]


@helper(apart=True)
def pack_columns(a, packed, n_rows, size, rounding):
    """A matrix whose columns are contiguous, packed as ROWS rows at a time.

    Element (i, k) goes to i // ROWS * (ROWS * size + 2) + k * ROWS + i % ROWS. Eight numbers
    are copied at a time: the last two are overwritten by the next k, or fall into the gap
    of 2 behind a tile.
    """
    tile = ROWS * size + 2
    for first in range(0, n_rows, 8 * ROWS):
        last = min(first + 8 * ROWS, n_rows - 7)
        ahead = Matrix(a.data, a.first + first, a.column, ONE, ZERO)
        for k in range(size):
            fetch(ahead, k + AHEAD, ONE if k + AHEAD < size else ZERO, last - first)
            source, target = a.first + k * a.column, k * ROWS
            for i in range(first, last, ROWS):
                copy_8(a.data, source + i, packed, i // ROWS * tile + target)
        if rounding and last > first:
            _round_tiles(packed, first, last, tile)
    # The last rows one by one: eight would reach beyond the array.
    begin = max(ZERO, n_rows - 2) // ROWS * ROWS
    for i in range(begin, n_rows):
        for k in range(size):
            packed[i // ROWS * tile + k * ROWS + i % ROWS] = a.data[a.first + k * a.column + i]
    if rounding:
        _round_tiles(packed, begin, n_rows, tile)
    return Matrix(packed, ZERO, ONE, np.int64(ROWS), tile)


@helper()
def _round_tiles(packed, first, last, tile):
    """Those of the rows from `first`, where one begins, up to `last`."""
    n_tiles = (last - first + ROWS - 1) // ROWS
    round_row(part(packed, first // ROWS * tile, n_tiles * tile))


@helper(apart=True)
def pack_rows(a, packed, n_rows, size):
    """A matrix rounded to bfloat16, row behind row."""
    for i in range(n_rows):
        row, first = part(packed, i * size, size), a.first + i * a.row
        source = part(a.data, first, size)
        for k in range(size if a.column == 1 else ZERO):
            row[k] = source[k]
        for k in range(ZERO if a.column == 1 else size):
            row[k] = a.data[first + k * a.column]
        round_row(row)
    return matrix(packed, ZERO, size, ONE)
