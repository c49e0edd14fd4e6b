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

Source: Goto and van de Geijn (2008), as in `registers`.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minilm.kernels.blocks import add_block, sum_columns
from minilm.kernels.fetch import reserve
from minilm.kernels.jit import helper
from minilm.kernels.packing import (
    ONE,
    ZERO,
    Matrix,
    Panels,
    lanes,
    matrix,
    new_panels,
    pack,
    pack_columns,
    pack_rows,
    panel_width,
)
from minilm.kernels.registers import ROWS, VECTORS, tile_1, tile_2, tile_4
from minilm.kernels.scratch import release, scratch, zeros
from minilm.kernels.vectors import part

__all__ = ["ADD", "EVERYTHING", "FAR", "N_BLOCK", "SET", "Band", "add_product", "multiply"]

# Numbers of NumPy's: for a bare constant Numba compiles a helper once more.
SET, ADD = np.bool_(False), np.bool_(True)  # what a product does to c
M_BLOCK, N_BLOCK, K_BLOCK = np.int64(170 * ROWS), np.int64(128), np.int64(768)
M_PACKED = np.int64(56 * ROWS)  # rows that stay in the second cache when they are packed
# Products summed in one chain: the longer, the more it rounds. An end costs a fiftieth.
CHAIN = np.int64(128)


class Band(NamedTuple):
    """Where numbers of a matrix may differ from 0: row i from ``begin + i`` up to ``end + i``."""

    begin: int
    end: int


FAR = np.int64(2**40)
EVERYTHING = Band(-FAR, FAR)


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
                rows = pack_columns(rows, packed, m, k, rounding)
            elif rounding:
                rows = pack_rows(rows, packed, m, k)
            for n0 in range(0, n_columns, N_BLOCK):
                n = min(N_BLOCK, n_columns - n0)
                block = Panels(panels, ZERO, k)
                source = matrix(b.data, b.first + k0 * b.row + n0 * b.column, b.row, b.column)
                pack(source, block, k, n, rounding)
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
