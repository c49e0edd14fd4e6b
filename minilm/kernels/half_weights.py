"""Compiled twin of `minilm.reference.half_weights`.

Few rows are multiplied as they are read (see `few_rows`). For many, as when a prompt is read,
the weights are widened once and the product is that of `linear`: the bits are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm.kernels import few_rows
from minilm.kernels import linear as whole
from minilm.kernels.layout import rows
from minilm.reference import half_weights as reference
from minilm.reference.half_weights import narrow, widen

__all__ = ["linear", "narrow", "widen"]


def linear(x: NDArray, weight: NDArray[np.uint16], bias: NDArray | None = None) -> NDArray:
    """x (..., I), weight (I, O) of uint16, bias (O,) -> y (..., O)."""
    if x.dtype != np.float32:
        return reference.linear(x, weight, bias)
    flat = rows(x)
    if not few_rows.suits(flat, weight):
        return whole.forward(x, widen(weight), bias)[0]
    y = np.empty((*x.shape[:-1], weight.shape[1]), x.dtype)
    few_rows.product(flat, weight, rows(y), bias)
    return y
