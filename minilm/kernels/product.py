"""Matrix products for kernels: c = a b + start, or c += a b, cut into register tiles.

    for each M_BLOCK rows of a
        for each K_BLOCK rows of b
            for each N_BLOCK columns of b: packed, so that the tiles read it in order
                for each panel of it, as wide as a register tile
                    for each ROWS rows of a: one tile, see `registers`

A packed block of b stays in the second-level cache for all rows of a. Rows of a are read
where they lie; if a is transposed they are packed too, or each number would cost a cache
line. A tile of c is asked for before its sums begin, and rows before they are packed: in a
small model's step all of them have left the cache since they were last used.

In mixed precision, where no instruction for bfloat16 is faster, both are packed and rounded: a
product of two such numbers is exact in float32.

Source: Goto and van de Geijn (2008), as in `registers`.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.bfloat16 import round_row
from minilm.kernels.blocks import add_block, sum_columns
from minilm.kernels.fetch import fetch, reserve
from minilm.kernels.jit import helper
from minilm.kernels.processor import BYTES
from minilm.kernels.registers import ROWS, VECTORS, tile_1, tile_2, tile_4
from minilm.kernels.scratch import release, scratch, zeros
from minilm.kernels.vectors import copy_8, part, transpose_square

__all__ = [
    "ADD",
    "EVERYTHING",
    "FAR",
    "SET",
    "Band",
    "Matrix",
    "Panels",
    "add_product",
    "lanes",
    "matrix",
    "multiply",
    "new_panels",
    "pack",
    "pack_columns",
    "padded",
    "panel_width",
]

# Numbers of NumPy's: for a bare constant Numba compiles a helper once more.
ZERO, ONE = np.int64(0), np.int64(1)
SET, ADD = np.bool_(False), np.bool_(True)  # what a product does to c
M_BLOCK, N_BLOCK, K_BLOCK = np.int64(170 * ROWS), np.int64(128), np.int64(768)
M_PACKED = np.int64(56 * ROWS)  # rows that stay in the second cache when they are packed
# Products summed in one chain: the longer, the more it rounds. An end costs a fiftieth.
CHAIN = np.int64(128)
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


class Band(NamedTuple):
    """Where numbers of a matrix may differ from 0: row i from ``begin + i`` up to ``end + i``."""

    begin: int
    end: int


FAR = np.int64(2**40)
EVERYTHING = Band(-FAR, FAR)


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
def pack(b, panels, n_rows, n_columns):
    """b as panels: column j is in the panel that begins at j * size, whose rows lie one
    behind the other; zeros fill the last vector."""
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
        else:
            columns = Matrix(b.data, b.first + j * b.column, b.column, b.row, ZERO)
            _transpose(columns, n, n_rows, panels.data, to, width)
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
def pack_columns(a, packed, n_rows, size):
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
    # The last rows one by one: eight would reach beyond the array.
    for i in range(max(ZERO, n_rows - 2) // ROWS * ROWS, n_rows):
        for k in range(size):
            packed[i // ROWS * tile + k * ROWS + i % ROWS] = a.data[a.first + k * a.column + i]
    return Matrix(packed, ZERO, ONE, np.int64(ROWS), tile)


@helper(apart=True)
def _pack_rows(a, packed, n_rows, size):
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


@helper(apart=True)
def multiply(a, b, start, c, n_rows, n_columns, accumulate, band):
    """c = a b + start, or c += a b if start is 0, for b packed.

    `start` has a number for each column, and whatever else until the vector is full; c any
    distance from row to row, but its columns are contiguous. What row i of a has outside its
    `band` is 0, and may be left out.
    """
    j = ZERO
    edge = Matrix(b.data, b.data.size - ROWS * VECTORS * lanes(b.data), ZERO, ONE, ZERO)
    while j < n_columns:
        width = panel_width(b.data, n_columns - j)
        n, panel = min(width, n_columns - j), Panels(b.data, b.first + j * b.size, b.size)
        for i in range((n_rows + ROWS - 1) // ROWS):
            m = min(ROWS, n_rows - i * ROWS)
            rows = Matrix(a.data, a.first + i * a.tile, a.row, a.column, a.tile)
            to = Matrix(c.data, c.first + i * c.tile + j, c.row, ONE, ZERO)
            first, last = max(ZERO, band.begin + i * ROWS), min(b.size, band.end + i * ROWS + m - 1)
            span = Panels(b.data, panel.first + first * width, max(ZERO, last - first))
            rows = Matrix(a.data, rows.first + first * a.column, a.row, a.column, a.tile)
            if n == width:
                reserve(to, ZERO, m, width)
                _tile(rows, span, start, j, to, width, m, accumulate)
            else:
                tile = Matrix(edge.data, edge.first, width, ONE, ZERO)
                _tile(rows, span, start, j, tile, width, m, SET)
                _copy_tile(tile, to, m, n, accumulate)
        j += width


@helper(apart=True)
def _tile(a, b, start, j, c, width, n_rows, accumulate):
    """One register tile, the sum over k in chains."""
    vectors = width // lanes(b.data)
    for k in range(0, max(b.size, ONE), CHAIN):
        n, added = min(CHAIN, b.size - k), accumulate or k > 0
        ak, bk = a.first + k * a.column, b.first + k * width
        if vectors == 4:
            tile_4(
                a.data, ak, a.row, a.column, b.data, bk, start, j, c.data, c.first, c.row, n,
                n_rows, added,
            )  # fmt: skip
        elif vectors == 2:
            tile_2(
                a.data, ak, a.row, a.column, b.data, bk, start, j, c.data, c.first, c.row, n,
                n_rows, added,
            )  # fmt: skip
        else:
            tile_1(
                a.data, ak, a.row, a.column, b.data, bk, start, j, c.data, c.first, c.row, n,
                n_rows, added,
            )  # fmt: skip


@helper()
def _copy_tile(tile, c, n_rows, n_columns, accumulate):
    for i in range(n_rows):
        source = part(tile.data, tile.first + i * tile.row, n_columns)
        row = part(c.data, c.first + i * c.row, n_columns)
        for j in range(n_columns):
            row[j] = row[j] + source[j] if accumulate else source[j]


@helper(apart=True)
def add_product(a, b, start, onto, sums, c, n_rows, n_columns, size, accumulate, rounding):
    """c = a b + start + onto, or c += a b if start is 0, for matrices of any size and layout; but
    the columns of c are contiguous. `start` has room for a vector more than n_columns.

    sums (N,) += the sums of the columns of b, which are contiguous then. An onto or sums
    without numbers stands for none. With `rounding` a and b are rounded to bfloat16.
    """
    panels = new_panels(a.data, min(size, K_BLOCK), min(n_columns, N_BLOCK))
    nothing, few = zeros(N_BLOCK, a.data.dtype), scratch(N_BLOCK, a.data.dtype)
    transposed = a.column != 1 and a.row == 1
    m_block = M_PACKED if rounding and not transposed else M_BLOCK
    room = (min(n_rows, m_block) // ROWS + 1) * (min(size, K_BLOCK) * ROWS + 2)
    packed = scratch(room if transposed or rounding else ZERO, a.data.dtype)
    for m0 in range(0, n_rows, m_block):
        m = min(m_block, n_rows - m0)
        for k0 in range(0, max(size, ONE), K_BLOCK):
            k, adding = min(K_BLOCK, size - k0), accumulate or k0 > 0
            rows = matrix(a.data, a.first + m0 * a.row + k0 * a.column, a.row, a.column)
            if transposed:
                rows = pack_columns(rows, packed, m, k)
                if rounding:
                    round_row(part(packed, ZERO, (m // ROWS + 1) * (k * ROWS + 2)))
            elif rounding:
                rows = _pack_rows(rows, packed, m, k)
            for n0 in range(0, n_columns, N_BLOCK):
                n = min(N_BLOCK, n_columns - n0)
                block = Panels(panels, ZERO, k)
                source = matrix(b.data, b.first + k0 * b.row + n0 * b.column, b.row, b.column)
                pack(source, block, k, n)
                if rounding:
                    round_row(part(panels, ZERO, k * padded(panels, n)))
                if m0 == 0 and sums.size > 0:
                    sum_columns(source, k, part(sums, n0, n), few)
                target = matrix(c.data, c.first + m0 * c.row + n0, c.row, ONE)
                begin = part(start, n0, n) if k0 == 0 else part(nothing, ZERO, n)
                multiply(rows, block, begin, target, m, n, adding, EVERYTHING)
                if k0 + k == size and onto.data.size > 0:
                    beside = matrix(onto.data, onto.first + m0 * onto.row + n0, onto.row, ONE)
                    add_block(beside, target, m, n)
    for room in (panels, nothing, few, packed):
        release(room)
