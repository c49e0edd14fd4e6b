"""Products of many rows with packed bfloat16 weights, in a matrix unit: see `packed_halves`.

The unit multiplies bfloat16 by bfloat16. So x is cut into two numbers of 8 bits each, high + low,
which differ from it by less than 2^-16 of it, where rounding a weight takes up to 2^-8. The two
are rows of their own; their products, exact in float32, are summed apart and then added.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

import numba
import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.bfloat16 import LANES, STEP, TILE, rounded, tiles
from minilm.kernels.bfloat16_tiles import AMX, SIDE, begin, end
from minilm.kernels.exponential import as_bits
from minilm.kernels.jit import helper, kernel
from minilm.kernels.scratch import release, scratch
from minilm.kernels.tile_stream import stream_1, stream_2
from minilm.kernels.vectors import memory, part

__all__ = ["product"]

_GROUP = np.int64(16)  # rows of x whose two parts share two tiles
_BLOCK = np.int64(16)  # groups that stay in the second cache while weights pass by
_WORD = np.uint32(16)


def product(
    x: NDArray[np.float32], words: NDArray[np.uint32], start: NDArray, y: NDArray[np.float32]
) -> None:
    """y (N, O) = x (N, I) @ the weight + start (O,)."""
    threads = numba.get_num_threads()
    parts = 4 * threads if len(x) > 2 * _GROUP else threads
    _multiply.sized(len(words))(x, words, start, y, parts)


@kernel(parallel_from=50_000, strided=True)
def _multiply(x, words, start, y, parts):
    n_rows, size, n = len(x), x.shape[1], y.shape[1]
    n_steps, n_groups = tiles(size, STEP), (n_rows + _GROUP - 1) // _GROUP
    pairs, room = tiles(n, SIDE), 2 * n_steps * TILE
    left, flat, target = scratch(n_groups * room, np.uint32), memory(x), memory(y)
    for g in prange(n_groups):
        rows = min(_GROUP, n_rows - g * _GROUP)
        _split(flat, g * _GROUP * size, rows, size, part(left, g * room, room))
    for item in prange(parts):
        spare = scratch(SIDE * SIDE, np.float32)
        begin(AMX)
        for first in range(0, n_groups, _BLOCK):
            for j in range(item * pairs // parts, (item + 1) * pairs // parts):
                for g in range(first, min(first + _BLOCK, n_groups)):
                    rows = min(_GROUP, n_rows - g * _GROUP)
                    if 2 * rows <= LANES:
                        stream_1(left, g * room, words, j * room, n_steps, spare)
                    else:
                        stream_2(left, g * room, words, j * room, n_steps, spare)
                    width, to = min(SIDE, n - j * SIDE), g * _GROUP * n + j * SIDE
                    _add_parts(spare, rows, part(start, j * SIDE, width), target, to, n)
        end(AMX)
        release(spare)
    release(left)


@helper()
def _split(x, x0, n_rows, size, left):
    """Twice n_rows rows of a left factor: those of x, and what rounding takes from them. The
    other rows of the tiles stay as they are."""
    n_steps = tiles(size, STEP)
    row, pairs = scratch(n_steps * STEP, np.float32), n_steps * STEP // 2
    words = scratch(pairs, np.uint32)
    for r in range(n_rows):
        row[:size] = part(x, x0 + r * size, size)
        row[size:] = 0
        for half in range(2):
            place = half * n_rows + r
            for p in range(pairs):
                low, high = rounded(row[2 * p]), rounded(row[2 * p + 1])
                row[2 * p] -= low
                row[2 * p + 1] -= high
                upper = np.uint32(as_bits(high)) & np.uint32(0xFFFF0000)
                words[p] = upper | np.uint32(as_bits(low)) >> _WORD
            to = place // LANES * n_steps * TILE + place % LANES * LANES
            for s in range(n_steps):
                target, source = part(left, to + s * TILE, LANES), part(words, s * LANES, LANES)
                for p in range(LANES):
                    target[p] = source[p]
    release(row)
    release(words)


@helper(exact=True)
def _add_parts(spare, n_rows, start, y, y0, y_row):
    """y = start and the sums of both parts, the smaller first."""
    for r in range(n_rows):
        high, row = part(spare, r * SIDE, start.size), part(y, y0 + r * y_row, start.size)
        low = part(spare, (n_rows + r) * SIDE, SIDE)
        for j in range(start.size):
            row[j] = (low[j] + high[j]) + start[j]
