"""What a loop over single numbers cannot say: copies, transposes and maxima by vectors.

The width of a vector is that of the processor which the kernels are compiled for.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minilm.kernels.processor import BYTES

__all__ = [
    "Emitter",
    "copy_8",
    "dot",
    "element_at",
    "emitted",
    "largest",
    "memory",
    "part",
    "transpose_square",
    "unowned",
]


def emitted(function: Any) -> Any:
    """An intrinsic; to type checkers, which cannot know how kernels call it, anything."""
    return intrinsic(function)


_INT32, _INDEX = ir.IntType(32), ir.IntType(64)


def constant(value: int) -> ir.Constant:
    """A whole number as an index."""
    return ir.Constant(_INDEX, value)


def element_at(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    """Where an element of an array with one axis lies."""
    data = cgutils.create_struct_proxy(kind)(context, builder, value=array).data
    return builder.gep(data, [offset])


class Emitter:
    """Emits vector instructions for arrays of one type."""

    def __init__(self, context: Any, builder: Any, dtype: Any) -> None:
        self.context, self.builder = context, builder
        self.real = context.get_data_type(dtype)
        self.itemsize = dtype.bitwidth // 8
        self.lanes = BYTES // self.itemsize
        self.vector = ir.VectorType(self.real, self.lanes)

    def at(self, kind: Any, array: Any, offset: Any) -> Any:
        """The address of an element."""
        return element_at(self.context, self.builder, kind, array, offset)

    def load(self, address: Any, j: int = 0) -> Any:
        """The j-th vector from an address on."""
        return self.builder.load(self._vector_at(address, j), align=self.itemsize)

    def store(self, value: Any, address: Any, j: int = 0) -> None:
        """Set the j-th vector from an address on."""
        self.builder.store(value, self._vector_at(address, j), align=self.itemsize)

    def _vector_at(self, address: Any, j: int) -> Any:
        moved = self.builder.gep(address, [constant(j * self.lanes)])
        return self.builder.bitcast(moved, self.vector.as_pointer())

    def spread(self, number: Any) -> Any:
        """One number in all lanes."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(undefined, number, ir.Constant(_INT32, 0))
        return self.shuffle(one, undefined, [0] * self.lanes)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c, rounded once if the processor can."""
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.itemsize}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [a, b, c])

    def shuffle(self, a: Any, b: Any, lanes: list[int]) -> Any:
        """Lanes of a, numbered from 0, and of b behind them."""
        kind = ir.VectorType(_INT32, self.lanes)
        return self.builder.shuffle_vector(a, b, ir.Constant(kind, lanes))


def unowned(context: Any, builder: Any, kind: Any, first: Any, size: Any) -> Any:
    """An array with one axis, from an address on, whose owner is not known: nothing is counted."""
    view = cgutils.create_struct_proxy(kind)(context, builder)
    itemsize = constant(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    if first.type != view.data.type:
        first = builder.inttoptr(first, view.data.type)
    view.data, view.nitems, view.itemsize = first, size, itemsize
    view.shape = cgutils.pack_array(builder, [size])
    view.strides = cgutils.pack_array(builder, [itemsize])
    view.meminfo = cgutils.get_null_value(view.meminfo.type)
    view.parent = cgutils.get_null_value(view.parent.type)
    return view._getvalue()


@emitted
def part(typingctx, x, first, size):
    """``x[first : first + size]`` for an x that outlives it, such as a kernel's argument.

    Nothing is checked and nothing counted. A slice counts its owner's references, with
    atomic operations that take longer than the loop over a short row.
    """
    kind = types.Array(x.dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, first, size = arguments
        begin = element_at(context, builder, signature.args[0], x, first)
        return unowned(context, builder, kind, begin, size)

    return kind(x, types.intp, types.intp), codegen


@emitted
def memory(typingctx, x):
    """The memory of x from its first element on, as one axis, whatever the strides of x.

    So code that goes by strides of its own needs to be compiled for one kind of array. Its
    size is that of x and not the memory's: use it with indices and `part`, not with slices.
    """
    kind = types.Array(x.dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        return unowned(context, builder, kind, source.data, source.nitems)

    return kind(x), codegen


@emitted
def copy_8(typingctx, x, x0, y, y0):
    """Copies eight numbers of x from x0 on to y from y0 on, all read before one is written."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emit = Emitter(context, builder, signature.args[0].dtype)
        kind = ir.VectorType(emit.real, 8).as_pointer()
        source = builder.bitcast(emit.at(signature.args[0], *arguments[:2]), kind)
        target = builder.bitcast(emit.at(signature.args[2], *arguments[2:]), kind)
        builder.store(builder.load(source, align=emit.itemsize), target, align=emit.itemsize)
        return context.get_dummy_value()

    return types.void(x, types.intp, y, types.intp), codegen


@emitted
def transpose_square(typingctx, x, x0, x_row, y, y0, y_row):
    """y[j, i] = x[i, j] for a square of as many rows as a vector has lanes.

    Interleaving rows i and i + n/2 of n rows, log2 n times, transposes them.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, x0, x_row, y, y0, y_row = arguments
        emit = Emitter(context, builder, signature.args[0].dtype)
        n = emit.lanes
        source, target = emit.at(signature.args[0], x, x0), emit.at(signature.args[3], y, y0)
        low = [i // 2 + n * (i % 2) for i in range(n)]
        high = [lane + n // 2 for lane in low]
        rows = [emit.load(builder.gep(source, [builder.mul(x_row, constant(i))])) for i in range(n)]
        for _ in range(n.bit_length() - 1):
            pairs = [(rows[i], rows[i + n // 2]) for i in range(n // 2)]
            rows = [emit.shuffle(a, b, half) for a, b in pairs for half in (low, high)]
        for j, row in enumerate(rows):
            emit.store(row, builder.gep(target, [builder.mul(y_row, constant(j))]))
        return context.get_dummy_value()

    whole = types.intp
    return types.void(x, whole, whole, y, whole, whole), codegen


def _fold(emit: Emitter, x: Any, n: Any, first: float, step: Any) -> Any:
    """The n full vectors from x on and the lanes of the result, combined in a fixed order.

    ``step(result, j)`` takes the j-th vector in.
    """
    builder = emit.builder
    before = builder.block
    loop, done = builder.append_basic_block("fold"), builder.append_basic_block("folded")
    empty = ir.Constant(emit.vector, [first] * emit.lanes)
    builder.cbranch(builder.icmp_signed(">", n, constant(0)), loop, done)
    builder.position_at_end(loop)
    j, sofar = builder.phi(_INDEX), builder.phi(emit.vector)
    new = step(sofar, builder.mul(j, constant(emit.lanes)))
    following = builder.add(j, constant(1))
    for value, start, after in ((j, constant(0), following), (sofar, empty, new)):
        value.add_incoming(start, before)
        value.add_incoming(after, loop)
    builder.cbranch(builder.icmp_signed("<", following, n), loop, done)
    builder.position_at_end(done)
    result = builder.phi(emit.vector)
    result.add_incoming(empty, before)
    result.add_incoming(new, loop)
    return result


def _across(emit: Emitter, vector: Any, combine: Any) -> Any:
    """All lanes of a vector combined, halves first."""
    half = emit.lanes // 2
    while half:
        rotated = [(i + half) % emit.lanes for i in range(emit.lanes)]
        vector = combine(vector, emit.shuffle(vector, vector, rotated))
        half //= 2
    return emit.builder.extract_element(vector, ir.Constant(_INT32, 0))


@emitted
def largest(typingctx, x, x0, n_vectors):
    """The largest of n_vectors full vectors of x from x0 on; NaN is passed over."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, x0, n_vectors = arguments
        emit = Emitter(context, builder, signature.args[0].dtype)
        source = emit.at(signature.args[0], x, x0)

        def larger(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", a, b), a, b)

        def step(result: Any, j: Any) -> Any:
            return larger(emit.load(builder.gep(source, [j])), result)

        return _across(emit, _fold(emit, source, n_vectors, float("-inf"), step), larger)

    return x.dtype(x, types.intp, types.intp), codegen


@emitted
def dot(typingctx, a, a0, b, b0, n_vectors):
    """The sum of products of n_vectors full vectors of a and b, from a0 and b0 on.

    Always in the same order, which a loop that the compiler may regroup does not promise.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, a0, b, b0, n_vectors = arguments
        emit = Emitter(context, builder, signature.args[0].dtype)
        left, right = emit.at(signature.args[0], a, a0), emit.at(signature.args[2], b, b0)

        def step(result: Any, j: Any) -> Any:
            a_vector, b_vector = (emit.load(builder.gep(x, [j])) for x in (left, right))
            return emit.multiply_add(a_vector, b_vector, result)

        return _across(emit, _fold(emit, left, n_vectors, 0.0, step), builder.fadd)

    whole = types.intp
    return a.dtype(a, whole, b, whole, whole), codegen
