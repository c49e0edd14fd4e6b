r"""Softmax over the last axis: scores to probabilities.

    y_j = exp(x_j - m) / sum_k exp(x_k - m),    m = max_k x_k

Shapes: x, y (..., S). The shift by m cancels in the quotient; with it the largest
exponent is 0, so nothing overflows and the sum is at least 1.

A score of -inf means "not allowed" and gets probability 0. In a row where nothing is
allowed the definition reads 0 / 0; the row's probabilities are then all 0.

Backward. dy_j / dx_k = y_j ([j = k] - y_k), so

    dx_k = y_k * (dy_k - sum_j dy_j y_j)

which is 0 wherever y is 0, hence for whatever was not allowed.

Source: Bridle, "Probabilistic interpretation of feedforward classification network
outputs" (1990).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "forward"]


class Saved(NamedTuple):
    """Kept: the result, in terms of which the gradient is simplest."""

    y: NDArray  # (..., S)


def forward(x: NDArray) -> tuple[NDArray, Saved]:
    """Returns y like x; each row sums to 1, or to 0 if all of its scores are -inf."""
    m = x.max(axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(x - np.where(m == -np.inf, 0, m).astype(x.dtype))
    total = e.sum(axis=-1, keepdims=True)
    y = e / np.where(total == 0, 1, total).astype(x.dtype)
    return y, Saved(y)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx like x."""
    y = saved.y
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))
