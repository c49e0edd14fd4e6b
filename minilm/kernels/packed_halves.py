"""Products with weights that are kept in bfloat16, in the order of a matrix unit's tiles.

    y[n, o] = sum_i x[n, i] weight[i, o] + bias[o]        x, y, bias float32; weight bfloat16

For a handful of rows reading the weights is what counts: here a thread reads its part in one
piece, and multiplies in float32 as it reads. For many rows a matrix unit (AMX) is faster, see
`packed_halves_unit`. Without one, the weights become float32, as many columns at a time as stay
in the cache, and are multiplied as such.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type,operator,call-overload"
from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels import packed_halves_unit
from minilm.kernels.bfloat16 import CAN_ROUND, LANES, RIGHT, STEP, TILE, Factor, tiles
from minilm.kernels.bfloat16 import pack as pack_factor
from minilm.kernels.bfloat16_tiles import AMX, SIDE, engines
from minilm.kernels.exponential import as_float
from minilm.kernels.few_rows import FEW_ROWS
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import plain
from minilm.kernels.packing import ONE, ZERO, matrix
from minilm.kernels.product import N_BLOCK, SET, add_product
from minilm.kernels.scratch import release, scratch
from minilm.kernels.tile_stream import vectors_1, vectors_4, vectors_8
from minilm.kernels.vectors import memory, part
from minilm.reference.half_weights import narrow

__all__ = ["Packed", "pack", "product"]

_ROWS = np.int64(8)  # that are multiplied at once
_FEW = 4  # rows up to which vectors are as fast as memory, and so as a matrix unit
_WORD, _UPPER = np.uint32(16), np.uint32(0xFFFF0000)


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
        return self._places.reshape(-1, -(-n // int(SIDE)) * int(SIDE))[:size, :n].copy()

    @property
    def _places(self) -> NDArray[np.uint16]:
        """A view with axes step, pair and which of it; then strip of columns, half and lane."""
        n_steps, lanes = -(-self.shape[0] // int(STEP)), int(LANES)
        halves = self.words.view(np.uint16).reshape(-1, n_steps, 2, int(STEP) // 2, lanes, 2)
        return halves.transpose(1, 3, 5, 0, 2, 4)

    def set(self, weight: NDArray[np.float32]) -> None:
        """Become this weight, on processors that do not round by themselves."""
        places = self._places
        bits = np.zeros((places[:, :, :, 0, 0, 0].size, places[0, 0, 0].size), np.uint16)
        bits[: self.shape[0], : self.shape[1]] = narrow(weight)
        places[...] = bits.reshape(places.shape)


def pack(weight: NDArray[np.float32]) -> Packed:
    """The weight (I, O), rounded to the nearest bfloat16."""
    size, n = weight.shape
    n_steps = -(-size // int(STEP))
    words = aligned.empty((-(-n // int(SIDE)) * 2 * n_steps * int(TILE),), np.uint32)
    packed = Packed(words, (size, n))
    if CAN_ROUND:
        _pack(plain(weight), words)
    else:
        packed.set(weight)
    return packed


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
    words, has_unit = weight.words, AMX in engines()
    if len(x) <= (_FEW if has_unit else FEW_ROWS):
        n_padded = -(-x.shape[1] // int(STEP)) * int(STEP)
        padded = np.zeros((len(x), n_padded), np.float32)
        padded[:, : x.shape[1]] = x
        _multiply_few.sized(len(words))(padded, words, plain(start), y, threads)
    elif has_unit:
        packed_halves_unit.product(plain(x), words, plain(start), y)
    else:
        room = np.zeros(len(start) + 2 * int(N_BLOCK), np.float32)
        room[: len(start)] = start
        _multiply_many.sized(x.size * len(start))(plain(x), words, room, y)


@kernel(parallel_from=50_000)
def _multiply_few(x, words, start, y, parts):
    n_rows, size, n = len(x), x.shape[1], y.shape[1]
    n_steps, pairs = size // STEP, tiles(n, SIDE)
    flat, target = memory(x), memory(y)
    for item in prange(parts):
        spare = scratch(_ROWS * SIDE, np.float32)
        for j in range(item * pairs // parts, (item + 1) * pairs // parts):
            at = j * n_steps * 2 * TILE
            for first in range(ZERO, n_rows, _ROWS):
                rows, group = min(_ROWS, n_rows - first), part(flat, first * size, _ROWS * size)
                if rows == 1:
                    vectors_1(group, size, rows, words, at, n_steps, spare)
                elif rows <= 4:
                    vectors_4(group, size, rows, words, at, n_steps, spare)
                else:
                    vectors_8(group, size, rows, words, at, n_steps, spare)
                for r in range(rows):
                    to = (first + r) * n + j * SIDE
                    for i in range(min(SIDE, n - j * SIDE)):
                        target[to + i] = spare[r * SIDE + i] + start[j * SIDE + i]
        release(spare)


@kernel(parallel_from=250_000, strided=True)
def _multiply_many(x, words, start, y):
    """For any number of rows, without a matrix unit: the weights become float32, as many columns
    at a time as stay in the cache."""
    n_rows, size, n = len(x), x.shape[1], y.shape[1]
    n_steps, flat, target = tiles(size, STEP), memory(x), memory(y)
    for item in prange((n + N_BLOCK - 1) // N_BLOCK):
        columns = min(N_BLOCK, n - item * N_BLOCK)
        room = scratch(n_steps * STEP * N_BLOCK, x.dtype)
        for j in range(tiles(columns, SIDE)):
            at = (item * (N_BLOCK // SIDE) + j) * n_steps * 2 * TILE
            _widen(part(words, at, n_steps * 2 * TILE), room, j * SIDE)
        rows, c = matrix(flat, ZERO, size, ONE), matrix(target, item * N_BLOCK, n, ONE)
        nothing, first = part(room, ZERO, ZERO), part(start, item * N_BLOCK, 2 * N_BLOCK)
        add_product(
            rows, matrix(room, ZERO, N_BLOCK, ONE), first, matrix(nothing, ZERO, ONE, ONE),
            np.zeros(0), c, n_rows, columns, size, SET, SET,
        )  # fmt: skip
        release(room)


@helper()
def _widen(words, room, j0):
    """The columns from j0 on, SIDE of them, of a matrix with rows of N_BLOCK numbers."""
    for s in range(words.size // (2 * TILE)):
        for half in range(2):
            for p in range(LANES):
                row = part(words, (2 * s + half) * TILE + p * LANES, LANES)
                to = (s * STEP + 2 * p) * N_BLOCK + j0 + half * LANES
                for lane in range(LANES):
                    room[to + lane] = as_float(np.int32(row[lane] << _WORD))
                    room[to + N_BLOCK + lane] = as_float(np.int32(row[lane] & _UPPER))
