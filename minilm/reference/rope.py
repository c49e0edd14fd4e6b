r"""Rotary position embedding: pairs of channels turned by an angle that grows with position.

    angle[t, i] = (start + t) * base^(-2i / D),    i = 0 .. D/2 - 1
    y[i]       = x[i] cos - x[i + D/2] sin
    y[i + D/2] = x[i] sin + x[i + D/2] cos

Shapes: x, y (B, H, T, D), D even; cos, sin (T, D/2). The scalar product of a query at
position t with a key at position s then depends on t and s only through t - s.

The pairs are (i, i + D/2), as in Llama's published weights; the paper pairs (2i, 2i + 1).
The two differ by a fixed permutation of the channels.

Backward. A rotation's inverse is its transpose, so the gradient turns back:

    dx[i]       =  dy[i] cos + dy[i + D/2] sin
    dx[i + D/2] = -dy[i] sin + dy[i + D/2] cos

Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding"
(2021), equation 34.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "angles", "backward", "forward"]


class Saved(NamedTuple):
    """Kept: the two tables, which all batch rows and heads share. x is not needed: the
    rotation is linear in it."""

    cos: NDArray  # (T, D/2)
    sin: NDArray  # (T, D/2)


def angles(n_positions: int, head_size: int, start: int = 0, base: float = 10000.0) -> NDArray:
    """The angles in radians, float64 (T, D/2), of positions start .. start + T - 1.

    Always in float64: at position 10 000 a float32 angle would be wrong by 1e-3.

    Raises
    ------
    ValueError
        If the head size is odd.

    Examples
    --------
    >>> angles(2, 4, start=5).tolist()
    [[5.0, 0.05], [6.0, 0.06]]
    """
    if head_size % 2:
        raise ValueError(f"rope turns pairs of channels; the head size {head_size} is odd")
    positions = np.arange(start, start + n_positions, dtype=np.float64)
    return positions[:, None] * base ** (-np.arange(0, head_size, 2) / head_size)


def forward(x: NDArray, start: int = 0, base: float = 10000.0) -> tuple[NDArray, Saved]:
    """Turn x (B, H, T, D), whose first position is number `start`; returns y like x."""
    turn = angles(x.shape[-2], x.shape[-1], start, base)
    saved = Saved(np.cos(turn).astype(x.dtype), np.sin(turn).astype(x.dtype))
    return _rotate(x, saved.cos, saved.sin), saved


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx (B, H, T, D)."""
    return _rotate(dy, saved.cos, -saved.sin)


def _rotate(x: NDArray, cos: NDArray, sin: NDArray) -> NDArray:
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    y = np.empty_like(x)
    y[..., :half] = first * cos - second * sin
    y[..., half:] = first * sin + second * cos
    return y
