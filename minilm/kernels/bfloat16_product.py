"""Products of float32 matrices, rounded to bfloat16 on the way, summed in float32.

The summed index is cut into blocks of K_BLOCK, the columns into blocks of N_BLOCK, whose
part of b is packed once; then M_BLOCK rows of a at a time are packed, and multiplied by
N_PART columns at a time, so that both stay in the second cache.

Each element is one chain of additions over k, in blocks that do not depend on how rows and
columns are shared among threads: so neither does any bit of the result.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

import functools

import numba
import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.bfloat16 import LANES, LEFT, RIGHT, STEP, TILE, Factor, pack, tiles
from minilm.kernels.bfloat16_tiles import SIDE, begin, end, multiply
from minilm.kernels.blocks import add_block, sum_columns
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import plain
from minilm.kernels.packing import ZERO
from minilm.kernels.product import SET
from minilm.kernels.scratch import release, scratch, zeros
from minilm.kernels.vectors import memory, part

__all__ = ["product"]

M_BLOCK, N_BLOCK, K_BLOCK = np.int64(256), np.int64(6144), np.int64(1536)
N_PART = np.int64(384)  # columns that stay in the second cache, with M_BLOCK rows


def product(
    a: NDArray,
    b: NDArray,
    c: NDArray,
    engine: int,
    start: NDArray | None = None,
    *,
    onto: NDArray | None = None,
    sums: NDArray | None = None,
    accumulate: bool = False,
) -> None:
    """c (M, N) = a (M, K) @ b (K, N) + start (N,) + onto (M, N), or c += a @ b, by one of
    `engines`.

    All float32; the columns of c and onto contiguous, its rows one behind the other, with gaps
    or not. sums (N,), of float64, += the sums of the columns of b, contiguous as well and
    not rounded.
    """
    (m, size), n = a.shape, b.shape[1]
    if c.size == 0 or size == 0:
        if not accumulate:
            c[:] = (0 if start is None else start) + (0 if onto is None else onto)
        if sums is not None:
            sums += b.sum(axis=0)
        return
    first = np.zeros((n + int(SIDE),), np.float32)
    if start is not None:
        first[:n] = start
    run, grid = _product.sized(m * n * size), (1, 1)
    if run is _product.parallel:
        grid = _grid(m, n, numba.get_num_threads())
    onto, sums = c[:0] if onto is None else onto, _NO_SUMS if sums is None else sums
    run(plain(a), plain(b), c, first, plain(onto), sums, accumulate, engine, *grid)


_NO_SUMS = np.zeros(0)


@functools.cache
def _grid(m: int, n: int, threads: int) -> tuple[int, int]:
    """Into how many parts rows and columns are cut, for the threads."""
    side, costs = int(SIDE), []
    for across in range(1, threads + 1):
        if threads % across == 0:
            down = threads // across
            t = -(-m // side // down) * side
            p = -(-n // side // across) * side
            # Cycles for one k: 256 multiply-adds in each, one number packed.
            costs.append((t * p / 256 + t + p, down, across))
    return min(costs)[1:]


@kernel(parallel_from=250_000, strided=True, long=4)
def _product(a, b, c, start, onto, sums, accumulate, engine, down, across):
    m, n = a.shape[0], b.shape[1]
    row_tiles, column_tiles = tiles(m, SIDE), tiles(n, SIDE)
    for item in prange(down * across):
        # Of the parts with the same columns the last, which is never empty, sums those of b.
        i, j = item // across, item % across
        m0 = min(m, i * row_tiles // down * SIDE)
        m1 = min(m, (i + 1) * row_tiles // down * SIDE)
        n0 = min(n, j * column_tiles // across * SIDE)
        n1 = min(n, (j + 1) * column_tiles // across * SIDE)
        if m1 > m0 and n1 > n0:
            begin(engine)
            beside = sums[n0 : n1 if i == down - 1 else n0]
            _part(a, b, c, start, onto, beside, m0, m1, n0, n1, accumulate, engine)
            end(engine)


@helper()
def _rows_of(x, i, k):
    """Factor x (i, k) from there on."""
    row, column = x.strides[0] // x.itemsize, x.strides[1] // x.itemsize
    return Factor(memory(x), i * row + k * column, row, column)


@helper()
def _columns_of(x, i, k):
    """Factor x (k, i), read as (i, k), from there on."""
    column, row = x.strides[0] // x.itemsize, x.strides[1] // x.itemsize
    return Factor(memory(x), i * row + k * column, row, column)


@helper()
def _words(n_rows, n_columns):
    """Words for so much, packed; tiles come in pairs."""
    return scratch(tiles(n_rows, SIDE) * 2 * tiles(n_columns, STEP) * TILE, np.uint32)


@helper()
def _part(a, b, c, start, onto, sums, m0, m1, n0, n1, accumulate, engine):
    """Rows m0 to m1 and columns n0 to n1 of c, and of the sums of b's columns."""
    size, few = a.shape[1], scratch(min(n1 - n0, N_BLOCK), np.float32)
    left = _words(min(m1 - m0, M_BLOCK), min(size, K_BLOCK))
    right = _words(min(n1 - n0, N_BLOCK), min(size, K_BLOCK))
    for n in range(n0, n1, N_BLOCK):
        width = min(N_BLOCK, n1 - n)
        for k in range(0, size, K_BLOCK):
            depth = min(K_BLOCK, size - k)
            pack(_columns_of(b, n, k), width, depth, right, RIGHT)
            if sums.size > 0:
                sum_columns(_rows_of(b, k, n), depth, part(sums, n - n0, width), few)
            for m in range(m0, m1, M_BLOCK):
                height = min(M_BLOCK, m1 - m)
                pack(_rows_of(a, m, k), height, depth, left, LEFT)
                adding = accumulate or k > 0
                row, n_steps = c.strides[0] // c.itemsize, tiles(depth, STEP)
                for j in range(0, width, N_PART):
                    columns = part(right, j // LANES * n_steps * TILE, min(N_PART, width - j))
                    _block(left, columns, memory(c), m * row + n + j, row, start, n + j, height,
                           min(N_PART, width - j), n_steps, adding, engine)  # fmt: skip
                    if onto.size > 0 and k + depth == size:
                        add_block(_rows_of(onto, m, n + j), _rows_of(c, m, n + j), height,
                                  min(N_PART, width - j))  # fmt: skip
    release(left)
    release(right)
    release(few)


@helper(apart=True)
def _block(left, right, c, c0, c_row, start, start0, height, width, n_steps, adding, engine):
    """All of c that a packed block of each factor gives."""
    spare, nothing = scratch(SIDE * SIDE, np.float32), zeros(SIDE, np.float32)
    step = n_steps * TILE
    # Row by row, as c lies in memory: to write it is what takes longest.
    for i in range(0, height, SIDE):
        a0 = i // LANES * step
        for j in range(0, width, SIDE):
            b0, to = j // LANES * step, c0 + i * c_row + j
            if height - i >= SIDE and width - j >= SIDE:
                multiply(left, a0, a0 + step, right, b0, b0 + step, n_steps, start, start0 + j,
                         c, to, c_row, adding, engine)  # fmt: skip
            else:
                begin = nothing if adding else part(start, start0 + j, SIDE)
                multiply(left, a0, a0 + step, right, b0, b0 + step, n_steps, begin, ZERO,
                         spare, ZERO, SIDE, SET, engine)  # fmt: skip
                _copy(spare, c, to, c_row, min(SIDE, height - i), min(SIDE, width - j), adding)
    release(spare)
    release(nothing)


@helper()
def _copy(spare, c, c0, c_row, height, width, adding):
    """What of a tile lies inside c."""
    for i in range(height):
        for j in range(width):
            value, place = spare[i * SIDE + j], c0 + i * c_row + j
            c[place] = c[place] + value if adding else value
