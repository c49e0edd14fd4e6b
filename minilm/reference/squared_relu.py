r"""Squared ReLU: the square of the positive part.

    y = max(x, 0)^2

Shapes: x, y of any one shape.

Backward. Unlike ReLU it is smooth at zero: the slope starts from 0 there.

    dx = dy * 2 max(x, 0)

Source: So et al., "Primer: Searching for Efficient Transformers for Language Modeling"
(2021), section 4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "forward"]


class Saved(NamedTuple):
    """Kept: the input. Recomputed: its positive part."""

    x: NDArray  # (...)


def forward(x: NDArray) -> tuple[NDArray, Saved]:
    """Returns y like x."""
    positive = np.maximum(x, 0)
    return positive * positive, Saved(x)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx like x."""
    return dy * (2 * np.maximum(saved.x, 0))
