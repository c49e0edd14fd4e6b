r"""RMS normalisation: each position's channels to root mean square 1, then scaled.

    rstd = 1 / sqrt(mean_c(x^2) + eps)
    x_hat = x * rstd
    y = x_hat * weight

Shapes: x, y (..., C); weight (C,); rstd (...,).

It is layer normalisation without its mean: nothing is subtracted, and there is no bias.

Backward, with g = dy * weight. x reaches y directly and through rstd, for which
d rstd / dx_c = -rstd^3 x_c / C; so the second way contributes the mean below:

    dx = rstd * (g - x_hat * mean_c(g * x_hat))        dweight = sum over rows of dy * x_hat

Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019), equation 4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "forward"]


class Saved(NamedTuple):
    """Kept: the input and one number a position. Recomputed: x_hat, since one multiply
    costs less than writing and reading an array as large as x."""

    x: NDArray  # (..., C)
    weight: NDArray  # (C,)
    rstd: NDArray  # (...,)


def forward(x: NDArray, weight: NDArray, eps: float = 1e-5) -> tuple[NDArray, Saved]:
    """Normalise the last axis of x; returns y like x."""
    mean_square = np.mean(np.square(x, dtype=np.float64), axis=-1, keepdims=True)
    rstd = (1 / np.sqrt(mean_square + eps)).astype(x.dtype)
    return x * rstd * weight, Saved(x, weight, rstd[..., 0])


def backward(dy: NDArray, saved: Saved, onto: NDArray | None = None) -> tuple[NDArray, NDArray]:
    """Returns dx (..., C), added to `onto` (..., C) if given, and dweight (C,)."""
    x, weight, rstd = saved
    rstd = rstd[..., None]
    x_hat = x * rstd
    rows = tuple(range(x.ndim - 1))
    dweight = (dy * x_hat).sum(axis=rows, dtype=np.float64).astype(x.dtype)

    g = dy * weight
    dx = rstd * (g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True))
    return dx if onto is None else onto + dx, dweight
