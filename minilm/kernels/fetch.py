"""Asking for rows of memory before they are needed.

A processor reads ahead along an axis by itself, but not from one row to the next where other
heads' numbers lie between them. Asked for in good time, the rows are in the cache when their
turn comes.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from minilm.aligned import LINE
from minilm.kernels.jit import helper
from minilm.kernels.vectors import element_at, emitted

__all__ = ["fetch_rows", "reserve_rows"]

_READ, _WRITE = 0, 1
_FIRST_CACHE, _SECOND_CACHE = 3, 2
_DATA = 1


def _asking(purpose: int, cache: int) -> Any:
    """Asks for the line that holds x[i], which need not exist."""

    def ask(typingctx, x, i):
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = element_at(context, builder, signature.args[0], *arguments)
            place = builder.bitcast(place, ir.IntType(8).as_pointer())
            word = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
            options = [ir.Constant(word, option) for option in (purpose, cache, _DATA)]
            builder.call(function, [place, *options])
            return context.get_dummy_value()

        return types.void(x, types.intp), codegen

    return emitted(ask)


_ask_to_read, _ask_to_write = _asking(_READ, _SECOND_CACHE), _asking(_WRITE, _FIRST_CACHE)


@helper(apart=True)
def fetch_rows(x, first, n_rows, size):
    """Rows of matrix x, `size` numbers each, will be read; none if n_rows is below 1."""
    step = LINE // x.data.itemsize
    for i in range(first, first + n_rows):
        for d in range(0, size, step):
            _ask_to_read(x.data, x.first + i * x.row + d)


@helper(apart=True)
def reserve_rows(x, first, n_rows, size):
    """Rows of matrix x will be written."""
    step = LINE // x.data.itemsize
    for i in range(first, first + n_rows):
        for d in range(0, size, step):
            _ask_to_write(x.data, x.first + i * x.row + d)
