r"""The hyperbolic tangent: squeezes any number into (-1, 1).

    y = tanh(x) = (exp(2x) - 1) / (exp(2x) + 1)

Shapes: x, y (...), any.

Backward. The derivative is 1 - tanh^2, which needs y alone:

    dx = dy (1 - y^2)

Here it stands in BERT's pooler (Devlin et al., 2019, as published in its code).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "forward"]


class Saved(NamedTuple):
    """Kept: the result, from which the derivative follows without another tanh."""

    y: NDArray


def forward(x: NDArray) -> tuple[NDArray, Saved]:
    """Returns y, of the shape of x."""
    y = np.tanh(x, dtype=np.float64).astype(x.dtype)
    return y, Saved(y)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx, of the shape of dy."""
    slope = 1 - np.square(saved.y, dtype=np.float64)
    return (dy * slope).astype(dy.dtype)
