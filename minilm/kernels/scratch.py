"""Room for a kernel to work in, from the beginning of a cache line on: see `minilm.aligned`.

Nobody counts who refers to it. An array that Numba makes is counted up and down, with atomic
instructions, wherever it is put into a tuple or taken out of one: of the innermost loops of
attention that was a third of the time. So who takes room gives it back with `release`.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from minilm.aligned import LINE
from minilm.kernels.jit import helper
from minilm.kernels.vectors import constant, emitted, unowned

__all__ = ["filled", "release", "scratch", "zeros"]

_ZERO = np.int64(0)
_BYTES, _INDEX = ir.IntType(8).as_pointer(), ir.IntType(64)


@emitted
def scratch(typingctx, n, dtype):
    """n numbers, not set, until they are given back. MemoryError if there is no room."""
    kind = types.Array(dtype.dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # Before the line in which it begins stands where the memory does.
        n_bytes = builder.mul(arguments[0], constant(kind.dtype.bitwidth // 8))
        memory = context.nrt.allocate(builder, builder.add(n_bytes, constant(2 * LINE)))
        with builder.if_then(cgutils.is_null(builder, memory), likely=False):
            context.call_conv.return_user_exc(builder, MemoryError, ("no room for a kernel",))
        begin = builder.ptrtoint(memory, _INDEX)
        first = builder.and_(builder.add(begin, constant(2 * LINE - 1)), constant(-LINE))
        place = builder.inttoptr(builder.sub(first, constant(8)), _INDEX.as_pointer())
        builder.store(begin, place)
        return unowned(context, builder, kind, first, arguments[0])

    return kind(types.intp, dtype), codegen


@emitted
def release(typingctx, x):
    """Give back what `scratch` gave: x itself, not a part of it."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        first = builder.ptrtoint(x.data, _INDEX)
        place = builder.inttoptr(builder.sub(first, constant(8)), _INDEX.as_pointer())
        context.nrt.free(builder, builder.inttoptr(builder.load(place), _BYTES))
        return context.get_dummy_value()

    return types.void(x), codegen


@helper()
def filled(n, value, dtype):
    """n times the value."""
    x = scratch(n, dtype)
    x[:] = value
    return x


@helper()
def zeros(n, dtype):
    """n zeros."""
    return filled(n, _ZERO, dtype)
