"""Matrices in bfloat16, in the order in which the processor multiplies them.

A bfloat16 number is the upper half of a float32: the same range, 8 bits of precision. The
processors that know it multiply pairs of numbers, neighbours along the summed index k. So a
matrix x (i, k) is cut into tiles of 16 rows i and 32 columns k, each of 16 x 16 words which
hold one pair:

    left factor     word (i, p) = x[i, 2p] | x[i, 2p + 1] << 16        a row for each i
    right factor    word (p, i), the same transposed                  a row for each pair

Tile (t, s) of `n_steps` along k begins at word (t * n_steps + s) * 256; zeros fill the last
ones. Rounding and packing are one pass, since the float32 numbers stay the masters.

Source: Intel, "BFLOAT16 - Hardware Numerics Definition" (2018); Kalamkar et al., "A Study of
BFLOAT16 for Deep Learning Training" (2019).
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from minilm.kernels.exponential import as_bits, as_float
from minilm.kernels.jit import helper
from minilm.kernels.processor import has
from minilm.kernels.scratch import release, scratch
from minilm.kernels.vectors import constant, element_at, part

__all__ = [
    "CAN_ROUND",
    "LANES",
    "LEFT",
    "RIGHT",
    "STEP",
    "TILE",
    "Factor",
    "pack",
    "round_row",
    "rounded",
    "tiles",
]

LANES = np.int64(16)  # rows of a tile, and pairs in each
STEP = np.int64(32)  # numbers along k
TILE = np.int64(256)  # words
RIGHT, LEFT = np.bool_(False), np.bool_(True)  # the place of a factor in a product

UPPER = np.int32(-0x10000)
_MAGNITUDE, _INFINITY = np.int32(0x7FFFFFFF), np.int32(0x7F800000)
CAN_ROUND = has("avx512bf16")  # every processor that has AMX for bfloat16 has this too

_INT32 = ir.IntType(32)
_WORDS, _REALS = ir.VectorType(_INT32, 16), ir.VectorType(ir.FloatType(), 16)


class Factor(NamedTuple):
    """A matrix in some memory: element (i, k) is data[first + i * row + k * column]."""

    data: NDArray
    first: int
    row: int
    column: int


class _Packer:
    """Emits the packing of one whole tile."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def load(self, address: Any) -> Any:
        """Sixteen numbers."""
        return self.builder.load(self.builder.bitcast(address, _REALS.as_pointer()), align=4)

    def rounded(self, first: Any, second: Any) -> Any:
        """32 numbers in two vectors, to nearest even, as the words of 32 bfloat16 numbers."""
        halves = ir.VectorType(ir.IntType(16), 32)
        kind = ir.FunctionType(halves, [_REALS, _REALS])
        name = "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [second, first])

    def along(self, source: Any, row: Any) -> list[Any]:
        """The words of a tile whose pairs are neighbours in memory, a vector for each i."""
        words = []
        for i in range(16):
            line = self.builder.gep(source, [self.builder.mul(row, constant(i))])
            pair = self.load(line), self.load(self.builder.gep(line, [constant(16)]))
            words.append(self.builder.bitcast(self.rounded(*pair), _WORDS))
        return words

    def across(self, source: Any, row: Any) -> list[Any]:
        """The words of a tile whose rows i are neighbours in memory, a vector for each pair."""
        lines = [self.builder.gep(source, [self.builder.mul(row, constant(k))]) for k in range(32)]
        both = [lane // 2 + 16 * (lane % 2) for lane in range(32)]
        mask = ir.Constant(ir.VectorType(_INT32, 32), both)
        words = []
        for k in range(0, 32, 2):
            halves = self.rounded(self.load(lines[k]), self.load(lines[k + 1]))
            woven = self.builder.shuffle_vector(halves, halves, mask)
            words.append(self.builder.bitcast(woven, _WORDS))
        return words

    def transposed(self, rows: list[Any]) -> list[Any]:
        """Interleaving rows i and i + 8 of 16, four times, transposes them."""
        low = [i // 2 + 16 * (i % 2) for i in range(16)]
        masks = _lanes(low), _lanes([lane + 8 for lane in low])
        for _ in range(4):
            rows = [
                self.builder.shuffle_vector(rows[i], rows[i + 8], mask)
                for i in range(8)
                for mask in masks
            ]
        return rows

    def store(self, rows: list[Any], target: Any) -> None:
        """The tile, row by row."""
        for i, row in enumerate(rows):
            address = self.builder.gep(target, [constant(16 * i)])
            self.builder.store(row, self.builder.bitcast(address, _WORDS.as_pointer()), align=4)


def _lanes(lanes: Any) -> ir.Constant:
    return ir.Constant(_WORDS, list(lanes))


def _packing(*, across: bool, transposed: bool) -> Any:
    """Packs the tile of float32 numbers from x0 on, x_row from line to line, to y0 on."""

    def pack_tile(typingctx, x, x0, x_row, y, y0):
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            if not CAN_ROUND:
                return context.get_dummy_value()
            x, x0, x_row, y, y0 = arguments
            source = element_at(context, builder, signature.args[0], x, x0)
            target = element_at(context, builder, signature.args[3], y, y0)
            emit = _Packer(builder)
            words = (emit.across if across else emit.along)(source, x_row)
            emit.store(emit.transposed(words) if transposed else words, target)
            return context.get_dummy_value()

        return types.void(x, types.intp, types.intp, y, types.intp), codegen

    return intrinsic(pack_tile)


_along = _packing(across=False, transposed=False)
_along_transposed = _packing(across=False, transposed=True)
_across = _packing(across=True, transposed=False)
_across_transposed = _packing(across=True, transposed=True)


@helper()
def rounded(x):
    """The bfloat16 number nearest to a float32, ties to even, as a float32; NaN stays NaN."""
    bits = as_bits(x)
    near = (bits + (np.int32(0x7FFF) + (bits >> np.int32(16) & np.int32(1)))) & UPPER
    return as_float(bits if bits & _MAGNITUDE > _INFINITY else near)


def round_row(row):
    """row = r(row), the nearest bfloat16 numbers; those of float64 stay as they are."""
    for i in range(row.size):
        row[i] = rounded(row[i])


@overload(round_row)
def _round_row(row):
    if row.dtype != types.float32:
        return lambda row: None

    def round_all(row):
        for i in range(row.size):
            row[i] = rounded(row[i])

    return round_all


@helper()
def tiles(n, size):
    """How many tiles of that size cover n numbers."""
    return (n + size - 1) // size


@helper(apart=True)
def pack(x, n_rows, n_columns, packed, left):
    """Factor x (n_rows, n_columns), rounded, as tiles of a left or a right factor.

    An even number of them along the rows: tiles are multiplied in pairs.
    """
    n_steps = tiles(n_columns, STEP)
    if tiles(n_rows, LANES) % 2:
        part(packed, tiles(n_rows, LANES) * n_steps * TILE, n_steps * TILE)[:] = 0
    n_tiles, spare = tiles(n_rows, LANES), scratch(LANES * STEP, np.float32)
    # In the order of the memory, which the processor then reads ahead.
    for turn in range(n_tiles * n_steps):
        if x.row == 1:
            s, t = turn // n_tiles, turn % n_tiles
        else:
            t, s = turn // n_steps, turn % n_steps
        first = x.first + t * LANES * x.row + s * STEP * x.column
        height, width = min(LANES, n_rows - t * LANES), min(STEP, n_columns - s * STEP)
        whole = height == LANES and width == STEP
        _pack_tile(x, first, height, width, whole, packed, (t * n_steps + s) * TILE, left, spare)
    release(spare)


@helper()
def _pack_tile(x, first, height, width, whole, packed, to, left, spare):
    """One tile; one that is not whole, or has gaps both ways, passes through `spare`."""
    if whole and x.column == 1:
        if left:
            _along(x.data, first, x.row, packed, to)
        else:
            _along_transposed(x.data, first, x.row, packed, to)
    elif whole and x.row == 1:
        if left:
            _across_transposed(x.data, first, x.column, packed, to)
        else:
            _across(x.data, first, x.column, packed, to)
    else:
        spare[:] = 0
        for i in range(height):
            for k in range(width):
                spare[i * STEP + k] = x.data[first + i * x.row + k * x.column]
        if left:
            _along(spare, 0, STEP, packed, to)
        else:
            _along_transposed(spare, 0, STEP, packed, to)
