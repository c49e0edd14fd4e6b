"""Products with weights that are kept in bfloat16, in the order of the matrix unit's tiles.

    y[n, o] = sum_i x[n, i] weight[i, o] + bias[o]        x, y, bias float32; weight bfloat16

For a handful of rows reading the weights is what counts: here a thread reads its part in one
piece, and even sixteen rows take the unit less time than the reading.

Up to `_FEW` rows vectors multiply in float32 as the weights are read. For more the unit, which
multiplies bfloat16 by bfloat16. So x is cut into two numbers of 8 bits each, high + low, which
differ from it by less than 2^-16 of it, where rounding a weight takes up to 2^-8. The two are
rows of their own; their products, exact in float32, are summed apart and then added.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels.bfloat16 import LANES, RIGHT, STEP, TILE, Factor, rounded, tiles
from minilm.kernels.bfloat16 import pack as pack_factor
from minilm.kernels.bfloat16_tiles import AMX, SIDE, begin, end
from minilm.kernels.exponential import as_bits
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import plain
from minilm.kernels.scratch import release, scratch
from minilm.kernels.tile_stream import stream_1, stream_2, vectors_1, vectors_4
from minilm.kernels.vectors import memory, part

__all__ = ["Packed", "pack", "product"]

_GROUP = np.int64(16)  # rows of x whose two parts share two tiles
_FEW = 4  # rows up to which vectors are as fast as memory
_BLOCK = np.int64(16)  # groups that stay in the second cache while weights pass by
_WORD = np.uint32(16)


@dataclass(frozen=True, eq=False)
class Packed:
    """A weight (I, O) as tiles of a right factor (see `bfloat16`), two beside each other, then
    the two below them, and so on: `SIDE` columns in one piece of memory."""

    words: NDArray[np.uint32]
    shape: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.words.nbytes

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NDArray[np.uint16]:
        """The bits of the weight, (I, O) of uint16."""
        size, n = self.shape
        n_steps, lanes, step = -(-size // int(STEP)), int(LANES), int(STEP)
        halves = self.words.view(np.uint16).reshape(-1, n_steps, 2, step // 2, lanes, 2)
        in_order = halves.transpose(1, 3, 5, 0, 2, 4).reshape(n_steps * step, -1)
        return in_order[:size, :n].copy()


def pack(weight: NDArray[np.float32]) -> Packed:
    """The weight (I, O), rounded to the nearest bfloat16."""
    size, n = weight.shape
    n_steps = -(-size // int(STEP))
    words = aligned.empty((-(-n // int(SIDE)) * 2 * n_steps * int(TILE),), np.uint32)
    _pack(plain(weight), words)
    return Packed(words, (size, n))


@kernel(parallel_from=100_000, strided=True)
def _pack(weight, words):
    size, n = weight.shape
    row, column = weight.strides[0] // weight.itemsize, weight.strides[1] // weight.itemsize
    room = 2 * tiles(size, STEP) * TILE
    for item in prange(tiles(n, SIDE)):
        columns = Factor(memory(weight), item * SIDE * column, column, row)
        for s in range(room // (2 * TILE)):
            step = Factor(columns.data, columns.first + s * STEP * row, column, row)
            target = part(words, item * room + s * 2 * TILE, 2 * TILE)
            pack_factor(step, min(SIDE, n - item * SIDE), min(STEP, size - s * STEP), target, RIGHT)


def product(
    x: NDArray[np.float32], weight: Packed, y: NDArray[np.float32], bias: NDArray | None
) -> None:
    """y (N, O) = x (N, I) @ weight (I, O) + bias (O,); x and y C-contiguous."""
    if y.size == 0:
        return
    start = np.zeros(y.shape[1:], np.float32) if bias is None else np.ascontiguousarray(bias)
    threads = numba.get_num_threads()
    if len(x) <= _FEW:
        n_padded = -(-x.shape[1] // int(STEP)) * int(STEP)
        padded = np.zeros((len(x), n_padded), np.float32)
        padded[:, : x.shape[1]] = x
        _multiply_few.sized(len(weight.words))(padded, weight.words, plain(start), y, threads)
        return
    parts = 4 * threads if len(x) > 2 * _GROUP else threads
    _multiply.sized(len(weight.words))(plain(x), weight.words, plain(start), y, parts)


@kernel(parallel_from=50_000)
def _multiply_few(x, words, start, y, parts):
    n_rows, size, n = len(x), x.shape[1], y.shape[1]
    n_steps, pairs = size // STEP, tiles(n, SIDE)
    flat, target = memory(x), memory(y)
    for item in prange(parts):
        spare = scratch(_FEW * SIDE, np.float32)
        for j in range(item * pairs // parts, (item + 1) * pairs // parts):
            at = j * n_steps * 2 * TILE
            if n_rows == 1:
                vectors_1(flat, size, n_rows, words, at, n_steps, spare)
            else:
                vectors_4(flat, size, n_rows, words, at, n_steps, spare)
            for r in range(n_rows):
                for i in range(min(SIDE, n - j * SIDE)):
                    target[r * n + j * SIDE + i] = spare[r * SIDE + i] + start[j * SIDE + i]
        release(spare)


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
