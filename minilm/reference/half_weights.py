r"""A linear map whose weights are stored in bfloat16: half as much to read for each token.

    y = x @ widen(weight) + bias

A bfloat16 is the upper half of a float32: the same sign and exponent, 7 bits of fraction and
not 23. So widening it is exact, and narrowing a weight changes it by at most one part in 256.
All arithmetic stays in float32. For generation, which is bound by the reading of weights and
needs no gradient.

Shapes: x (..., I); weight (I, O) of uint16; bias (O,); y (..., O).

Source: Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training" (2019), section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["keep", "linear", "narrow", "widen"]


def keep(weight: NDArray) -> Any:
    """What `linear` takes for a weight (I, O) of float32: here its bits, in the same memory
    order; a twin may keep them in an order of its own, if ``np.asarray`` gives the bits."""
    by_columns = weight.strides[0] < weight.strides[1]
    return narrow(weight.T).T if by_columns else narrow(weight)


def narrow(x: NDArray) -> NDArray[np.uint16]:
    """x rounded to bfloat16, to the nearest and of two equally near to the even one; its bits.

    Examples
    --------
    >>> [hex(bits) for bits in narrow(np.array([1.0, -2.0, 3.1415927], np.float32))]
    ['0x3f80', '0xc000', '0x4049']
    """
    bits = np.asarray(x, np.float32, order="C").view(np.uint32)
    rounded = (bits + (np.uint32(0x7FFF) + (bits >> 16 & 1))) >> 16
    quiet = bits >> 16 | 0x40  # a NaN must not be rounded to infinity
    return np.where(np.isnan(x), quiet, rounded).astype(np.uint16)


def widen(bits: NDArray) -> NDArray[np.float32]:
    """The float32 that bfloat16 bits stand for, in the memory order of `bits`.

    Examples
    --------
    >>> widen(narrow(np.array([1.0, 3.1415927], np.float32))).tolist()
    [1.0, 3.140625]
    """
    return (bits.astype(np.uint32) << 16).view(np.float32)


def linear(x: NDArray, weight: Any, bias: NDArray | None = None) -> NDArray:
    """x (..., I), of float32 or float64; weight (I, O), from `keep` -> y (..., O), like x."""
    y = x @ widen(np.asarray(weight)).astype(x.dtype)
    return y if bias is None else y + bias
