r"""Linear map in mixed precision: factors rounded to bfloat16, sums in float32.

    y = r(x) @ r(weight) + bias (+ onto)
    dx = r(dy) @ r(weight)^T        dweight = r(x)^T @ r(dy)

r rounds a float32 number to the nearest bfloat16, which keeps its 8 bits of exponent and 8
of its 24 bits of precision: a relative error of at most 2^-9. A product of two such numbers
is exact in float32. Weights, gradients and sums stay float32, so small updates are not lost.

Shapes and derivation are those of `linear`; rounding counts as the identity backward. With
any other dtype this is `linear` itself.

Source: Micikevicius et al., "Mixed Precision Training" (2018), for the float32 master
weights; Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training" (2019).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm.reference import linear
from minilm.reference.linear import Saved

__all__ = ["Saved", "backward", "forward", "rounded"]


def rounded(x: NDArray) -> NDArray:
    """float32 numbers, rounded to the nearest bfloat16, ties to even; NaN stays NaN.

    Examples
    --------
    >>> rounded(np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 3.14159], np.float32)).tolist()
    [1.0, 1.0, 1.015625, 3.140625]
    """
    bits = np.ascontiguousarray(x).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    near = (bits + (odd + np.uint32(0x7FFF))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(x), x, near.view(np.float32).reshape(x.shape))


def forward(
    x: NDArray, weight: NDArray, bias: NDArray | None = None, onto: NDArray | None = None
) -> tuple[NDArray, Saved]:
    """Map the last axis of x from I to O channels; returns y (..., O)."""
    saved = Saved(x, weight, bias is not None)
    if x.dtype != np.float32:
        return linear.forward(x, weight, bias, onto)
    return linear.forward(rounded(x), rounded(weight), bias, onto)[0], saved


def backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray | None] | None = None
) -> tuple[NDArray, NDArray, NDArray | None]:
    """Returns dx (..., I), dweight (I, O) and dbias (O,), or None without a bias.

    `out`: arrays to ADD dweight and dbias into. dbias is the sum of dy as it is.
    """
    x, weight, has_bias = saved
    if x.dtype != np.float32:
        return linear.backward(dy, saved, out)
    factors = Saved(rounded(x), rounded(weight), False)
    weights_out = None if out is None else (out[0], None)
    dx, dweight, _ = linear.backward(rounded(dy), factors, weights_out)
    if not has_bias:
        return dx, dweight, None
    dbias = linear.sum_rows(dy.reshape(-1, dy.shape[-1]))
    if out is not None and out[1] is not None:
        out[1][...] += dbias
        dbias = out[1]
    return dx, dweight, dbias
