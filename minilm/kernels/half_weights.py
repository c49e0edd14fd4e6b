"""Compiled twin of `minilm.reference.half_weights`: see `packed_halves`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels import packed_halves
from minilm.kernels.layout import rows
from minilm.reference import half_weights as reference
from minilm.reference.half_weights import narrow, widen

__all__ = ["keep", "linear", "narrow", "widen"]


def keep(weight: NDArray) -> Any:
    """What `linear` takes for a weight (I, O) of float32."""
    return packed_halves.pack(weight)


def linear(x: NDArray, weight: Any, bias: NDArray | None = None) -> NDArray:
    """x (..., I), weight (I, O) from `keep`, bias (O,) -> y (..., O)."""
    if x.dtype != np.float32:
        return reference.linear(x, weight, bias)
    y = aligned.empty((*x.shape[:-1], weight.shape[1]), x.dtype)
    packed_halves.product(rows(x), weight, rows(y), bias)
    return y
