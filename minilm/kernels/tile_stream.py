"""Products with weights that come straight from memory as packed tiles: see `packed_halves`.

    c (rows, 32) = a (rows, k) b (k, 32)

a is read again and again and stays in the cache; b passes by once, two tiles of 1 kB in each
step, one behind the other. The processor's own guess of what is read next ends with a page, so
each step asks for what later ones need.

`stream_1`, `stream_2`    16 or 32 rows, in the matrix unit; a is packed, too
`vectors_1`, `vectors_4`, `vectors_8`  up to so many rows of float32, in vectors, on any processor:
                          a word w holds two weights, w << 16 and w & 0xffff0000 as float32
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from minilm.kernels.bfloat16 import TILE
from minilm.kernels.bfloat16_tiles import CAN_AMX
from minilm.kernels.vectors import constant, element_at, emitted

__all__ = ["stream_1", "stream_2", "vectors_1", "vectors_4", "vectors_8"]

_AHEAD = 8  # steps, of 2 kB
_LINE = 16  # words
_INT8, _INT32, _INDEX = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_ADDRESS = _INT8.as_pointer()
_WORDS, _REALS = ir.VectorType(_INT32, 16), ir.VectorType(ir.FloatType(), 16)


class _Stream:
    """Emits the unit's instructions. Registers 0 to 3 hold sums, 4 and 5 tiles of a, 6 and 7
    tiles of b, all of 16 x 64 bytes."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def call(self, name: str, *arguments: Any) -> None:
        """An instruction without a result."""
        kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.{name}")
        self.builder.call(function, arguments)

    def move(self, name: str, register: int, address: Any, row: Any) -> None:
        """A tile between a register and memory, so many bytes from row to row."""
        place = self.builder.bitcast(address, _ADDRESS)
        self.call(f"x86.{name}64", ir.Constant(_INT8, register), place, row)

    def fetch(self, address: Any, n_words: int = 2 * int(TILE)) -> None:
        """Ask for so many words of b, in a later step, into the second-level cache."""
        for word in range(0, n_words, _LINE):
            later = constant(word + 2 * _AHEAD * int(TILE))
            line = self.builder.bitcast(self.builder.gep(address, [later]), _ADDRESS)
            read, second_level, data = (ir.Constant(_INT32, n) for n in (0, 2, 1))
            self.call("prefetch.p0i8", line, read, second_level, data)

    def weights(self, address: Any) -> list[Any]:
        """The first and the second weight of 16 words, as vectors of float32."""
        builder = self.builder
        words = builder.load(builder.bitcast(address, _WORDS.as_pointer()), align=4)
        first = builder.shl(words, ir.Constant(_WORDS, [16] * 16))
        second = builder.and_(words, ir.Constant(_WORDS, [0xFFFF0000] * 16))
        return [builder.bitcast(bits, _REALS) for bits in (first, second)]

    def multiply_add(self, number: Any, b: Any, c: Any) -> Any:
        """number * b + c."""
        builder, lane = self.builder, ir.Constant(_INT32, 0)
        one = builder.insert_element(ir.Constant(_REALS, ir.Undefined), number, lane)
        a = builder.shuffle_vector(one, one, ir.Constant(_WORDS, [0] * 16))
        kind = ir.FunctionType(_REALS, [_REALS] * 3)
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.fmuladd.v16f32")
        return builder.call(function, [a, b, c])

    def by_vectors(self, rows: list[Any], b: Any, n_steps: Any) -> list[Any]:
        """For each row two sums of 16 columns; every lane adds up in the order of k, first and
        second weights apart, if there are registers for it: up to four rows."""
        n_parts = 2 if len(rows) <= 4 else 1
        builder = self.builder
        before, loop = builder.block, builder.append_basic_block("stream")
        done = builder.append_basic_block("streamed")
        builder.branch(loop)
        builder.position_at_end(loop)
        n_sums = 2 * n_parts * len(rows)
        k, sums = builder.phi(_INDEX), [builder.phi(_REALS) for _ in range(n_sums)]
        at = builder.gep(b, [builder.mul(k, constant(2 * int(TILE)))])
        column = builder.mul(k, constant(2 * _LINE))
        new = sums
        for pair in range(_LINE):
            places = [builder.gep(at, [constant(j * int(TILE) + pair * _LINE)]) for j in range(2)]
            for place in places:
                self.fetch(place, _LINE)
            weights = [self.weights(place) for place in places]
            new = list(new)
            for r, row in enumerate(rows):
                for i in (0, 1):
                    number = builder.load(
                        builder.gep(row, [builder.add(column, constant(2 * pair + i))])
                    )
                    for j in range(2):
                        n = (2 * r + j) * n_parts + i % n_parts
                        new[n] = self.multiply_add(number, weights[j][i], new[n])
        following = builder.add(k, constant(1))
        steps = [(k, constant(0), following)]
        steps += [(a, ir.Constant(_REALS, None), b) for a, b in zip(sums, new, strict=True)]
        for value, first, after in steps:
            value.add_incoming(first, before)
            value.add_incoming(after, loop)
        builder.cbranch(builder.icmp_signed("<", following, n_steps), loop, done)
        builder.position_at_end(done)
        if n_parts == 1:
            return new
        return [builder.fadd(new[n], new[n + 1]) for n in range(0, len(new), 2)]

    def multiply(self, a: list[Any], b: Any, n_steps: Any) -> None:
        """The sums of all steps, from 0 on; there is one step at least."""
        builder = self.builder
        for i in range(len(a)):
            for j in range(2):
                self.call("x86.tilezero", ir.Constant(_INT8, 2 * i + j))
        before, loop = builder.block, builder.append_basic_block("stream")
        done = builder.append_basic_block("streamed")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(_INDEX)
        tile = builder.mul(k, constant(int(TILE)))
        at = builder.gep(b, [builder.mul(tile, constant(2))])
        self.fetch(at)
        for j in range(2):
            place = builder.gep(at, [constant(j * int(TILE))])
            self.move("tileloadd", 6 + j, place, constant(64))
        for i, first in enumerate(a):
            self.move("tileloadd", 4 + i, builder.gep(first, [tile]), constant(64))
            for j in range(2):
                registers = (2 * i + j, 4 + i, 6 + j)
                self.call("x86.tdpbf16ps", *(ir.Constant(_INT8, n) for n in registers))
        following = builder.add(k, constant(1))
        k.add_incoming(constant(0), before)
        k.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, n_steps), loop, done)
        builder.position_at_end(done)


def _stream(n_tiles: int) -> Any:
    """For 16 * n_tiles rows of a, whose tiles begin n_steps tiles apart."""

    def stream(typingctx, a, a0, b, b0, n_steps, c):
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            if not CAN_AMX:
                return context.get_dummy_value()
            a, a0, b, b0, n_steps, c = arguments
            kinds = signature.args
            left = element_at(context, builder, kinds[0], a, a0)
            apart = builder.mul(n_steps, constant(int(TILE)))
            lefts = [left, builder.gep(left, [apart])][:n_tiles]
            emit = _Stream(builder)
            emit.multiply(lefts, element_at(context, builder, kinds[2], b, b0), n_steps)
            target = element_at(context, builder, kinds[5], c, constant(0))
            for i in range(n_tiles):
                for j in range(2):
                    place = builder.gep(target, [constant(512 * i + 16 * j)])
                    emit.move("tilestored", 2 * i + j, place, constant(128))
            return context.get_dummy_value()

        return types.void(a, types.intp, b, types.intp, types.intp, c), codegen

    return emitted(stream)


def _vectors(n: int) -> Any:
    """For up to n rows of a, a_row from one to the next; the last stands for those beyond."""

    def vectors(typingctx, a, a_row, n_rows, b, b0, n_steps, c):
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, a_row, n_rows, b, b0, n_steps, c = arguments
            kinds = signature.args
            first = element_at(context, builder, kinds[0], a, constant(0))
            last, rows = builder.sub(n_rows, constant(1)), []
            for r in range(n):
                inside = builder.icmp_signed("<", constant(r), n_rows)
                row = builder.select(inside, constant(r), last)
                rows.append(builder.gep(first, [builder.mul(row, a_row)]))
            emit, place = _Stream(builder), element_at(context, builder, kinds[3], b, b0)
            target = element_at(context, builder, kinds[6], c, constant(0))
            for i, total in enumerate(emit.by_vectors(rows, place, n_steps)):
                to = builder.bitcast(builder.gep(target, [constant(16 * i)]), _REALS.as_pointer())
                builder.store(total, to, align=4)
            return context.get_dummy_value()

        whole = types.intp
        return types.void(a, whole, whole, b, whole, whole, c), codegen

    return emitted(vectors)


stream_1, stream_2 = _stream(1), _stream(2)
vectors_1, vectors_4, vectors_8 = _vectors(1), _vectors(4), _vectors(8)
