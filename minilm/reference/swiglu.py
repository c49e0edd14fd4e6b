r"""SwiGLU: one half of the channels, through SiLU, gates the other half.

    [gate | up] = x
    y = silu(gate) * up,    silu(g) = g * sigmoid(g)

Shapes: x (..., 2F), the gate in its first F channels; y (..., F).

Backward, with s = sigmoid(gate), whose derivative is s (1 - s):

    dgate = dy * up * (s + gate * s * (1 - s))        dup = dy * gate * s

Source: Shazeer, "GLU Variants Improve Transformer" (2020), equation 5 (there the two
halves come from two matrices, W and V; here from one matrix [W | V]).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "forward"]


class Saved(NamedTuple):
    """Kept: the input. Recomputed: the sigmoid."""

    x: NDArray  # (..., 2F)


def forward(x: NDArray) -> tuple[NDArray, Saved]:
    """Returns y (..., F).

    Raises
    ------
    ValueError
        If the last axis of x has an odd number of channels.
    """
    gate, up = np.split(x, 2, axis=-1)
    return gate * _sigmoid(gate) * up, Saved(x)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx (..., 2F)."""
    gate, up = np.split(saved.x, 2, axis=-1)
    s = _sigmoid(gate)
    dgate = dy * up * (s * (1 + gate * (1 - s)))
    dup = dy * (gate * s)
    return np.concatenate([dgate, dup], axis=-1)


def _sigmoid(x: NDArray) -> NDArray:
    """1 / (1 + exp(-x)), by way of exp(-|x|): exp(-x) alone overflows below -88."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)
