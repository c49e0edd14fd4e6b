r"""Dropout: each number is zeroed with probability p, the others grow to make up for it.

    y = x * keep / (1 - p),    keep = 1 with probability 1 - p, else 0

Shapes: x, y of any one shape. The expected value of y is x, so evaluation, which uses
p = 0, needs no rescaling. The product is a choice: a dropped element is 0 even where x is
infinite or NaN, for which 0 * x would be NaN.

Whether element i is kept is a function of (key, i): see `philox`. So the mask takes no
memory between the passes, and is the same on every machine and for any number of threads.

Backward. y is linear in x, with the same mask:

    dx = dy * keep / (1 - p)

Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
Overfitting" (2014), section 4; the scaling at training time is from its section 10.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.reference import philox

__all__ = ["Saved", "backward", "forward"]


class Saved(NamedTuple):
    """Kept: two numbers. Recomputed: the mask."""

    p: float
    key: int


def forward(x: NDArray, p: float, key: int) -> tuple[NDArray, Saved]:
    """Drop elements of x with probability p in [0, 1), chosen by key; returns y like x."""
    return _drop(x, p, key), Saved(p, key)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx like x."""
    return _drop(dy, saved.p, saved.key)


def _drop(x: NDArray, p: float, key: int) -> NDArray:
    keep = philox.keep_elements(x.shape, p, key)
    return np.where(keep, x * (1 / (1 - float(p))), 0)
