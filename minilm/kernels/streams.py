"""Products of a few rows with numbers that come straight from memory, by vectors.

    down      sums[r, j] += sum_k x[r, k] w[k, j]      `STEPS` rows k of w, vectors along j
    across    y[r, j] = sum_k x[r, k] w[j, k]          `WIDTH` rows j of w, vectors along k

The tiles of `registers` read a packed copy of a matrix, which pays when many rows share it.
Here each number of w serves `rows` multiplications and is not needed again, so w is read
where it lies and in the order in which it lies, or the processor could not guess what will be
read next. It guesses within a page of memory; `fetch` asks for what is beyond.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minilm.kernels.vectors import Emitter, constant

__all__ = [
    "STEPS",
    "WIDTH",
    "across_1",
    "across_4",
    "across_8",
    "down_1",
    "down_4",
    "down_8",
]

STEPS = 4  # rows of w that go into the sums at once
# How far ahead to ask: 3 times what one call goes through, 6 times where that is but two rows.
_AHEAD_DOWN, _AHEAD_ACROSS = 3, 6
WIDTH = 2  # vectors of columns; and the rows of w whose scalar products are taken at once
_LINE = 64  # bytes of a cache line
_INDEX, _INT32 = ir.IntType(64), ir.IntType(32)
_BYTE = ir.IntType(8).as_pointer()


class _Stream(Emitter):
    """Emits loads of w, requests for what comes later, and loops."""

    def fetch(self, address: Any, n_vectors: int) -> None:
        """Ask for so many vectors of w, into the second-level cache."""
        kind = ir.FunctionType(ir.VoidType(), [_BYTE, _INT32, _INT32, _INT32])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0i8")
        first = self.builder.bitcast(address, _BYTE)
        for n in range(0, n_vectors * self.lanes * self.itemsize, _LINE):
            line = self.builder.gep(first, [constant(n)])
            read, second_level, data = (ir.Constant(_INT32, n) for n in (0, 2, 1))
            self.builder.call(function, [line, read, second_level, data])

    def offsets(self, n: int, n_inside: Any, stride: Any) -> list[Any]:
        """Offsets of n rows; beyond those inside the last again, so that nothing else is read."""
        builder, last = self.builder, self.builder.sub(n_inside, constant(1))
        inside = [builder.icmp_signed("<", constant(i), n_inside) for i in range(n)]
        rows = [builder.select(is_in, constant(i), last) for i, is_in in enumerate(inside)]
        return [builder.mul(row, stride) for row in rows]

    def total(self, vector: Any) -> Any:
        """The sum of all lanes, halves first."""
        half = self.lanes // 2
        while half:
            rotated = [(i + half) % self.lanes for i in range(self.lanes)]
            vector = self.builder.fadd(vector, self.shuffle(vector, vector, rotated))
            half //= 2
        return self.builder.extract_element(vector, ir.Constant(_INT32, 0))

    def loop(self, n_steps: Any, n_sums: int, body: Any) -> list[Any]:
        """Vectors that begin as 0 and that ``body(k, sums)`` replaces in each step k."""
        builder, zero = self.builder, ir.Constant(self.vector, None)
        before = builder.block
        loop, done = builder.append_basic_block("stream"), builder.append_basic_block("streamed")
        builder.cbranch(builder.icmp_signed(">", n_steps, constant(0)), loop, done)
        builder.position_at_end(loop)
        k, sums = builder.phi(_INDEX), [builder.phi(self.vector) for _ in range(n_sums)]
        new = body(k, sums)
        following = builder.add(k, constant(1))
        starts = [constant(0)] + [zero] * n_sums
        for value, start, after in zip([k, *sums], starts, [following, *new], strict=True):
            value.add_incoming(start, before)
            value.add_incoming(after, loop)
        builder.cbranch(builder.icmp_signed("<", following, n_steps), loop, done)
        builder.position_at_end(done)
        result = [builder.phi(self.vector) for _ in range(n_sums)]
        for value, after in zip(result, new, strict=True):
            value.add_incoming(zero, before)
            value.add_incoming(after, loop)
        return result


def _down(rows: int) -> Any:
    """For up to `rows` rows of x; `count` times WIDTH vectors of columns."""

    def down(typingctx, x, x0, x_row, n_rows, w, w0, w_row, sums, s0, s_row, count):
        whole = types.intp
        signature = types.void(x, whole, whole, whole, w, whole, whole, sums, whole, whole, whole)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, x0, x_row, n_rows, w, w0, w_row, sums, s0, s_row, count = arguments
            kinds = signature.args
            emit = _Stream(context, builder, kinds[0].dtype)
            x, w = emit.at(kinds[0], x, x0), emit.at(kinds[4], w, w0)
            sums = emit.at(kinds[7], sums, s0)
            x_rows = [builder.gep(x, [offset]) for offset in emit.offsets(rows, n_rows, x_row)]
            w_rows = [builder.gep(w, [builder.mul(w_row, constant(k))]) for k in range(STEPS)]
            later = builder.gep(w, [builder.mul(w_row, constant(_AHEAD_DOWN * STEPS))])

            def body(j: Any, _: Any) -> list[Any]:
                at = builder.mul(j, constant(WIDTH * emit.lanes))
                emit.fetch(builder.gep(later, [builder.mul(at, constant(STEPS))]), STEPS * WIDTH)
                vectors = [
                    [emit.load(builder.gep(row, [at]), v) for v in range(WIDTH)] for row in w_rows
                ]
                for r in range(rows):
                    target = builder.gep(sums, [builder.add(builder.mul(s_row, constant(r)), at)])
                    values = [emit.load(target, v) for v in range(WIDTH)]
                    for k in range(STEPS):
                        factor = emit.spread(builder.load(builder.gep(x_rows[r], [constant(k)])))
                        values = [
                            emit.multiply_add(factor, vectors[k][v], values[v])
                            for v in range(WIDTH)
                        ]
                    for v in range(WIDTH):
                        emit.store(values[v], target, v)
                return []

            emit.loop(count, 0, body)
            return context.get_dummy_value()

        return signature, codegen

    return intrinsic(down)


def _across(rows: int) -> Any:
    """For up to `rows` rows of x and WIDTH of w, over the full vectors of a row."""

    def across(typingctx, x, x0, x_row, n_rows, w, w0, w_row, n_columns, n_vectors, y, y0, y_row):
        whole = types.intp
        signature = types.void(
            x, whole, whole, whole, w, whole, whole, whole, whole, y, whole, whole
        )

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, x0, x_row, n_rows, w, w0, w_row, n_columns, n_vectors, y, y0, y_row = arguments
            kinds = signature.args
            emit = _Stream(context, builder, kinds[0].dtype)
            x, w = emit.at(kinds[0], x, x0), emit.at(kinds[4], w, w0)
            y = emit.at(kinds[9], y, y0)
            x_rows = [builder.gep(x, [offset]) for offset in emit.offsets(rows, n_rows, x_row)]
            w_rows = [builder.gep(w, [offset]) for offset in emit.offsets(WIDTH, n_columns, w_row)]
            ahead = builder.mul(w_row, constant(_AHEAD_ACROSS * WIDTH))

            def body(k: Any, sums: list[Any]) -> list[Any]:
                at = builder.mul(k, constant(emit.lanes))
                vectors = [emit.load(builder.gep(row, [at])) for row in x_rows]
                new = []
                for j in range(WIDTH):
                    address = builder.gep(w_rows[j], [at])
                    emit.fetch(builder.gep(address, [ahead]), 1)
                    weights = emit.load(address)
                    for r in range(rows):
                        new.append(emit.multiply_add(vectors[r], weights, sums[j * rows + r]))
                return new

            sums = emit.loop(n_vectors, WIDTH * rows, body)
            for j in range(WIDTH):
                for r in range(rows):
                    row = builder.icmp_signed("<", constant(r), n_rows)
                    column = builder.icmp_signed("<", constant(j), n_columns)
                    with builder.if_then(builder.and_(row, column)):
                        at = builder.add(builder.mul(y_row, constant(r)), constant(j))
                        builder.store(emit.total(sums[j * rows + r]), builder.gep(y, [at]))
            return context.get_dummy_value()

        return signature, codegen

    return intrinsic(across)


down_1, down_4, down_8 = _down(1), _down(4), _down(8)
across_1, across_4, across_8 = _across(1), _across(4), _across(8)
