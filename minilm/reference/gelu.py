r"""GELU: each number times the probability that a standard normal one is smaller.

    exact ("none"):  y = x * Phi(x),  Phi(x) = erfc(-x / sqrt 2) / 2
    GPT-2's ("tanh"): y = x * (1 + tanh u) / 2 = x * sigmoid(2u),
                      u = sqrt(2 / pi) * (x + 0.044715 x^3)

Shapes: x, y of any one shape. The two curves differ by less than 5e-4 everywhere. The
names "none" and "tanh" are PyTorch's.

Both are written so that the left tail keeps its digits. The more usual 1 + erf(x / sqrt 2)
and 1 + tanh u cancel there: in float32 both are 0 from x = -6 on, and the second is wrong by
a third at -5.

Backward, by the product rule:

    exact:  dx = dy * (Phi(x) + x * phi(x)),  phi(x) = exp(-x^2 / 2) / sqrt(2 pi)
    tanh:   dx = dy * (s + x * s * (1 - s) * 2u'),  s = sigmoid(2u),
            u' = sqrt(2 / pi) * (1 + 3 * 0.044715 x^2)

Source: Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016), section 2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "forward"]

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
CUBIC = 0.044715
LARGEST = 40.0  # beyond it Phi and sigmoid(2u) are 0 or 1, and powers of x might overflow


class Saved(NamedTuple):
    """Kept: the input. Recomputed: the sigmoid or Phi, to hold one array as large as the
    MLP's hidden layer and not two."""

    x: NDArray  # (...)
    approximate: str


def forward(x: NDArray, approximate: str = "tanh") -> tuple[NDArray, Saved]:
    """Returns y like x.

    Raises
    ------
    ValueError
        If `approximate` is neither "tanh" nor "none".
    """
    if approximate == "tanh":
        y = x * _sigmoid(2 * _u(_bounded(x)))
    elif approximate == "none":
        y = x * _normal_cdf(x)
    else:
        raise ValueError(f'approximate must be "tanh" or "none", not {approximate!r}')
    return y, Saved(x, approximate)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx like x."""
    x = _bounded(saved.x)
    if saved.approximate == "tanh":
        u2 = 2 * _u(x)
        slope_of_u2 = 2 * SQRT_2_OVER_PI * (1 + 3 * CUBIC * (x * x))
        return dy * (_sigmoid(u2) + x * (_sigmoid(u2) * _sigmoid(-u2)) * slope_of_u2)
    density = np.exp(-0.5 * (x * x)) / math.sqrt(2 * math.pi)
    return dy * (_normal_cdf(x) + x * density)


def _bounded(x: NDArray) -> NDArray:
    return np.clip(x, -LARGEST, LARGEST)


def _u(x: NDArray) -> NDArray:
    return SQRT_2_OVER_PI * (x + CUBIC * (x * x * x))


def _sigmoid(x: NDArray) -> NDArray:
    """1 / (1 + exp(-x)), by way of exp(-|x|), which does not overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _normal_cdf(x: NDArray) -> NDArray:
    """Phi(x), element by element: NumPy has no erfc of its own, Python's is exact."""
    erfc = np.array([math.erfc(-value / math.sqrt(2)) for value in x.reshape(-1).tolist()])
    return (0.5 * erfc).astype(x.dtype).reshape(x.shape)
