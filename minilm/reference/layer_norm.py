r"""Layer normalisation: each position's channels to mean 0 and variance 1, then scaled.

    mu = mean_c(x)        var = mean_c((x - mu)^2)        rstd = 1 / sqrt(var + eps)
    x_hat = (x - mu) * rstd
    y = x_hat * weight + bias

Shapes: x, y (..., C); weight, bias (C,); mu, rstd (...,).

Backward, with g = dy * weight. x reaches y three ways: directly, through mu and
through var, and the two means below are what the last two contribute:

    dx = rstd * (g - mean_c(g) - x_hat * mean_c(g * x_hat))

The mean is float64 whatever the dtype of x: where the channels have a large common part,
its rounding to float32 would be as large as what distinguishes them.

Source: Ba, Kiros and Hinton, "Layer Normalization" (2016), equations 3 and 4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "forward"]


class Saved(NamedTuple):
    """Kept: the input and two numbers a position. Recomputed: x_hat, since one multiply
    and one subtract cost less than writing and reading an array as large as x."""

    x: NDArray  # (..., C)
    weight: NDArray  # (C,)
    mean: NDArray  # (...,) float64
    rstd: NDArray  # (...,)
    has_bias: bool


def forward(
    x: NDArray, weight: NDArray, bias: NDArray | None = None, eps: float = 1e-5
) -> tuple[NDArray, Saved]:
    """Normalise the last axis of x; returns y like x."""
    mean = x.mean(axis=-1, keepdims=True, dtype=np.float64)
    centred = (x - mean).astype(x.dtype)
    var = np.mean(np.square(centred, dtype=np.float64), axis=-1, keepdims=True)
    rstd = (1 / np.sqrt(var + eps)).astype(x.dtype)
    y = centred * rstd * weight
    if bias is not None:
        y += bias
    return y, Saved(x, weight, mean[..., 0], rstd[..., 0], bias is not None)


def backward(
    dy: NDArray, saved: Saved, onto: NDArray | None = None
) -> tuple[NDArray, NDArray, NDArray | None]:
    """Returns dx (..., C), dweight (C,) and dbias (C,), or None without a bias.

    `onto` (..., C): what else x contributes to, as a residual stream does; dx is added to it.
    """
    x, weight, mean, rstd, has_bias = saved
    rstd = rstd[..., None]
    x_hat = (x - mean[..., None]).astype(x.dtype) * rstd
    rows = tuple(range(x.ndim - 1))
    dweight = (dy * x_hat).sum(axis=rows, dtype=np.float64).astype(x.dtype)
    dbias = dy.sum(axis=rows, dtype=np.float64).astype(x.dtype) if has_bias else None

    g = dy * weight
    dx = rstd * (g - g.mean(-1, keepdims=True) - x_hat * (g * x_hat).mean(-1, keepdims=True))
    return dx if onto is None else onto + dx, dweight, dbias
