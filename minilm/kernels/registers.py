"""A tile of a matrix product that stays in registers: what all products here are made of.

    c[i, j] = sum_k a[i, k] b[k, j] + start[j]        ROWS rows i, a few vectors of columns j

Each step k loads one row of b, as vectors, and multiplies it by the ROWS numbers of
column k of a, each spread over a vector: ROWS x VECTORS multiply-adds for ROWS + VECTORS
loads. The sums are kept in registers and written once. So the arithmetic units, not
the memory, set the pace, which no loop that a compiler makes of three nested ones reaches.

Written as LLVM instructions, since Numba has no vectors. The sum over k is one chain of
fused multiply-adds for every element, whatever the tile around it: how a product is cut
into tiles, or shared among threads, changes no bit.

Source: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minilm.kernels.processor import MANY_REGISTERS
from minilm.kernels.vectors import Emitter, constant

__all__ = ["ROWS", "VECTORS", "tile_1", "tile_2", "tile_4"]

VECTORS = 4 if MANY_REGISTERS else 2  # of columns
ROWS = 6  # with 4 vectors of columns 24 of 32 registers hold sums, with 2 of them 12 of 16
_INDEX = ir.IntType(64)


class _Tile(Emitter):
    """Emits the instructions of one tile; `emit` is the order in which they run."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, n: int) -> None:
        (a, a0, self.a_row, self.a_k, b, b0, start, start0, c, c0, c_row, self.size, self.n_rows,
         self.accumulate) = arguments  # fmt: skip
        kinds = signature.args
        super().__init__(context, builder, kinds[0].dtype)
        self.n = n
        self.a, self.b = self.at(kinds[0], a, a0), self.at(kinds[4], b, b0)
        self.start, self.c = self.at(kinds[6], start, start0), self.at(kinds[8], c, c0)
        self.c_row = c_row

    def rows_of_a(self) -> list[Any]:
        """Offsets of the rows; beyond n_rows the last again, so that nothing else is read."""
        last, offsets = self.builder.sub(self.n_rows, constant(1)), []
        for i in range(ROWS):
            inside = self.builder.icmp_signed("<", constant(i), self.n_rows)
            row = self.builder.select(inside, constant(i), last)
            offsets.append(self.builder.mul(row, self.a_row))
        return offsets

    def sums(self) -> list[list[Any]]:
        """The loop over k."""
        builder = self.builder
        offsets = self.rows_of_a()
        zero = ir.Constant(self.vector, None)
        before = builder.block
        loop = builder.append_basic_block("multiply")
        done = builder.append_basic_block("multiplied")
        any_step = builder.icmp_signed(">", self.size, constant(0))
        builder.cbranch(any_step, loop, done)

        builder.position_at_end(loop)
        k, a, b = builder.phi(_INDEX), builder.phi(self.a.type), builder.phi(self.b.type)
        sums = [[builder.phi(self.vector) for _ in range(self.n)] for _ in range(ROWS)]
        row_of_b = [self.load(b, j) for j in range(self.n)]
        new = []
        for i in range(ROWS):
            factor = self.spread(builder.load(builder.gep(a, [offsets[i]])))
            new.append([self.multiply_add(factor, row_of_b[j], sums[i][j]) for j in range(self.n)])
        k_next = builder.add(k, constant(1))
        a_next = builder.gep(a, [self.a_k])
        b_next = builder.gep(b, [constant(self.n * self.lanes)])
        steps = [(k, constant(0), k_next), (a, self.a, a_next), (b, self.b, b_next)]
        steps += [(sums[i][j], zero, new[i][j]) for i in range(ROWS) for j in range(self.n)]
        for value, first, following in steps:
            value.add_incoming(first, before)
            value.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", k_next, self.size), loop, done)

        builder.position_at_end(done)
        result = []
        for i in range(ROWS):
            result.append([builder.phi(self.vector) for _ in range(self.n)])
            for j in range(self.n):
                result[i][j].add_incoming(zero, before)
                result[i][j].add_incoming(new[i][j], loop)
        return result

    def write(self, sums: list[list[Any]]) -> None:
        """Sums and start to c: the start last, since a sum that begins large rounds more."""
        builder = self.builder
        start = [self.load(self.start, j) for j in range(self.n)]
        for i in range(ROWS):
            row = builder.gep(self.c, [builder.mul(self.c_row, constant(i))])
            inside = builder.icmp_signed("<", constant(i), self.n_rows)
            with builder.if_then(inside), builder.if_else(self.accumulate) as (adding, setting):
                with adding:
                    for j in range(self.n):
                        self.store(builder.fadd(self.load(row, j), sums[i][j]), row, j)
                with setting:
                    for j in range(self.n):
                        self.store(builder.fadd(sums[i][j], start[j]), row, j)


def _tile(n: int) -> Any:
    """The tile of `n` vectors of columns, as a function that kernels call."""

    def tile(
        typingctx, a, a0, a_row, a_k, b, b0, start, start0, c, c0, c_row, size, n_rows, accumulate
    ):
        whole = types.intp
        signature = types.void(
            a, whole, whole, whole, b, whole, start, whole, c, whole, whole, whole, whole,
            types.boolean,
        )  # fmt: skip

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emitted = _Tile(context, builder, signature, arguments, n)
            emitted.write(emitted.sums())
            return context.get_dummy_value()

        return signature, codegen

    return intrinsic(tile)


tile_1, tile_2, tile_4 = _tile(1), _tile(2), _tile(4)
