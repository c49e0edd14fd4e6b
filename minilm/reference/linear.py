r"""Linear map: every position's channels times one matrix, plus a bias.

    y = x @ weight + bias (+ onto)

Shapes: x (..., I); weight (I, O); bias (O,); onto, such as a residual stream, and y (..., O).
The leading axes are only rows: they are folded into one axis N, so that each line below is a
single product of two matrices.

Backward. y[n, o] = sum_i x[n, i] weight[i, o] + bias[o], so each factor's gradient is
dy times the other factor, summed over the index that the factor lacks:

    dx = dy @ weight^T        dweight = x^T @ dy        dbias = sum_n dy

The gradient of `onto` is dy itself, and is not returned.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating
errors" (1986), equations 1, 6 and 7.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "forward", "sum_rows"]

BLOCK = 128


class Saved(NamedTuple):
    """Kept: both factors of the product, as references and not as copies. Nothing is
    recomputed; the bias is not needed, only whether there was one."""

    x: NDArray  # (..., I)
    weight: NDArray  # (I, O)
    has_bias: bool


def forward(
    x: NDArray, weight: NDArray, bias: NDArray | None = None, onto: NDArray | None = None
) -> tuple[NDArray, Saved]:
    """Map the last axis of x from I to O channels; returns y (..., O)."""
    y = _rows(x) @ weight
    if bias is not None:
        y += bias
    if onto is not None:
        y += _rows(onto)
    return y.reshape(*x.shape[:-1], weight.shape[1]), Saved(x, weight, bias is not None)


def backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray | None] | None = None
) -> tuple[NDArray, NDArray, NDArray | None]:
    """Returns dx (..., I), dweight (I, O) and dbias (O,), or None without a bias.

    `out`: arrays to ADD dweight and dbias into, returned in their place; a dbias of None is
    not wanted.
    """
    x, weight, has_bias = saved
    dy_rows = _rows(dy)
    dx = (dy_rows @ weight.T).reshape(x.shape)
    dweight = _rows(x).T @ dy_rows
    dbias = sum_rows(dy_rows) if has_bias else None
    if out is None:
        return dx, dweight, dbias
    for total, gradient in zip(out, (dweight, dbias), strict=True):
        if total is not None and gradient is not None:
            total += gradient
    return dx, out[0], out[1] if has_bias else None


def _rows(x: NDArray) -> NDArray:
    """x (..., C) as a matrix (N, C)."""
    return x.reshape(-1, x.shape[-1])


def sum_rows(x: NDArray) -> NDArray:
    """x (N, O) summed to (O,), by blocks of rows: a sum that grows row by row would lose
    what 16,000 float32 rows have in their last six bits. As a product, BLAS does it."""
    n_whole = len(x) // BLOCK * BLOCK
    ones = np.ones(BLOCK, x.dtype)
    blocks = ones @ x[:n_whole].reshape(-1, BLOCK, x.shape[1])
    rest = ones[: len(x) - n_whole] @ x[n_whole:]
    return np.ones(len(blocks), x.dtype) @ blocks + rest
