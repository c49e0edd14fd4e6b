"""Asking for rows of memory before they are needed.

A processor reads ahead along an axis by itself, but not from one row to the next where other
heads' numbers lie between them. Asked for in good time, the rows are in the cache when their
turn comes: `fetch` is for rows that will be read, `reserve` for those that will be written.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from minilm.aligned import LINE
from minilm.kernels.vectors import constant, element_at, emitted

__all__ = ["fetch", "reserve"]

_READ, _WRITE = 0, 1
_FIRST_CACHE, _SECOND_CACHE = 3, 2
_DATA = 1


def _asking(purpose: int, cache: int) -> Any:
    """Asks for n_rows rows of a `Matrix` from the i-th on, `size` numbers each; for none if
    n_rows is below 1.

    Instructions, and no loop of Numba's, which would take a second longer to compile.
    """

    def ask(typingctx, x, i, n_rows, size):
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, i, n_rows, size = arguments
            data, first, row = (builder.extract_value(x, field) for field in range(3))
            kind, word = signature.args[0].types[0], ir.IntType(32)
            per_line = constant(8 * LINE // kind.dtype.bitwidth)
            n_lines = builder.sdiv(builder.add(size, builder.sub(per_line, constant(1))), per_line)
            types_of = [ir.IntType(8).as_pointer(), word, word, word]
            fetch = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.VoidType(), types_of), "llvm.prefetch.p0i8"
            )
            with cgutils.for_range(builder, n_rows) as turn:
                place = builder.add(first, builder.mul(builder.add(i, turn.index), row))
                with cgutils.for_range(builder, n_lines) as line:
                    here = builder.add(place, builder.mul(line.index, per_line))
                    address = element_at(context, builder, kind, data, here)
                    address = builder.bitcast(address, types_of[0])
                    builder.call(fetch, [address, *(word(n) for n in (purpose, cache, _DATA))])
            return context.get_dummy_value()

        return types.void(x, types.intp, types.intp, types.intp), codegen

    return emitted(ask)


fetch, reserve = _asking(_READ, _SECOND_CACHE), _asking(_WRITE, _FIRST_CACHE)
