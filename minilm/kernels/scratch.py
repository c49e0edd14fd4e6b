"""Room for a kernel to work in, from the beginning of a cache line on: see `minilm.aligned`."""

# mypy: allow-untyped-defs
from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from minilm.aligned import LINE
from minilm.kernels.jit import helper
from minilm.kernels.vectors import constant, element_at, emitted

__all__ = ["scratch", "zeros"]


@emitted
def _to_next_line(typingctx, x):
    """How many numbers from the beginning of x to that of a line."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        first = element_at(context, builder, kind, arguments[0], constant(0))
        behind = builder.neg(builder.ptrtoint(first, ir.IntType(64)))
        missing = builder.and_(behind, constant(LINE - 1))
        return builder.udiv(missing, constant(kind.dtype.bitwidth // 8))

    return types.intp(x), codegen


@helper()
def scratch(n, dtype):
    """n numbers, not set."""
    x = np.empty(n + LINE, dtype)
    first = _to_next_line(x)
    return x[first : first + n]


@helper()
def zeros(n, dtype):
    """n zeros."""
    x = scratch(n, dtype)
    x[:] = 0
    return x
