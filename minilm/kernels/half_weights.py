"""Compiled twin of `minilm.reference.half_weights`.

With a matrix unit the weights are kept as it reads them, and any number of rows is multiplied
there: see `packed_halves`. Without, few rows are multiplied as the weights are read (see
`few_rows`); for many, as when a prompt is read, the weights are widened once and the product
is that of `linear`, with the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels import few_rows, packed_halves
from minilm.kernels import linear as whole
from minilm.kernels.bfloat16_tiles import AMX, engines
from minilm.kernels.layout import rows
from minilm.kernels.packed_halves import Packed
from minilm.reference import half_weights as reference
from minilm.reference.half_weights import narrow, widen

__all__ = ["keep", "linear", "narrow", "widen"]


def keep(weight: NDArray) -> Any:
    """What `linear` takes for a weight (I, O) of float32: `Packed`, or its bits."""
    return packed_halves.pack(weight) if AMX in engines() else reference.keep(weight)


def linear(x: NDArray, weight: Any, bias: NDArray | None = None) -> NDArray:
    """x (..., I), weight (I, O) from `keep`, bias (O,) -> y (..., O)."""
    if x.dtype != np.float32:
        return reference.linear(x, weight, bias)
    flat = rows(x)
    y = aligned.empty((*x.shape[:-1], weight.shape[1]), x.dtype)
    if isinstance(weight, Packed):
        packed_halves.product(flat, weight, rows(y), bias)
    elif few_rows.suits(flat, weight):
        few_rows.product(flat, weight, rows(y), bias)
    else:
        return whole.forward(x, widen(weight), bias)[0]
    return y
