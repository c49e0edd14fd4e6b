r"""Rotary position embedding: pairs of channels turned by an angle that grows with position.

    angle[t, i] = (start + t) * frequency[i],    frequency[i] = base^(-2i / R)
    y[i]       = x[i] cos[t, i] - x[i + R/2] sin[t, i]       i = 0 .. R/2 - 1
    y[i + R/2] = x[i] sin[t, i] + x[i + R/2] cos[t, i]
    y[j]       = x[j]                                         j = R .. D - 1

Shapes: x, y (B, H, T, D); cos, sin (T, R/2), R <= D even; R < D is partial rotary. The
scalar product of a query at position t with a key at position s then depends on t and s
only through t - s.

The pairs are (i, i + R/2), as in Llama's published weights; the paper pairs (2i, 2i + 1).
The two differ by a fixed permutation of the channels.

Backward. y is linear in x, so the gradient passes the transpose, which turns back:

    dx[i]       =  dy[i] cos + dy[i + R/2] sin
    dx[i + R/2] = -dy[i] sin + dy[i + R/2] cos
    dx[j]       =  dy[j]

Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding"
(2021), equation 34; partial rotary: Black et al., "GPT-NeoX-20B" (2022), section 2.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Saved", "backward", "forward", "frequencies", "tables"]


class Saved(NamedTuple):
    """Kept: the two tables, which all batch rows and heads share. x is not needed: the
    rotation is linear in it."""

    cos: NDArray  # (T, R/2)
    sin: NDArray  # (T, R/2)


def frequencies(n_channel: int, base: float = 10000.0) -> NDArray[np.float64]:
    """Radians per position of each pair of R channels, (R/2,).

    Raises
    ------
    ValueError
        If the number of channels is odd.

    Examples
    --------
    >>> frequencies(4, base=100.0).tolist()
    [1.0, 0.1]
    """
    if n_channel % 2:
        raise ValueError(f"rope turns pairs of channels; {n_channel} is odd")
    return base ** (-np.arange(0, n_channel, 2) / n_channel)


def tables(
    frequencies: NDArray,
    n_positions: int,
    start: int = 0,
    scale: float = 1.0,
    dtype: DTypeLike = np.float64,
) -> tuple[NDArray, NDArray]:
    """cos and sin (T, R/2) of the positions start .. start + T - 1.

    The angles are float64 whatever `dtype` the tables have: at position 10 000 a float32
    angle would be wrong by up to 5e-4. `scale` multiplies both tables; only YaRN and its kin,
    which sharpen attention that way, set it.

    Examples
    --------
    >>> cos, sin = tables(frequencies(4), n_positions=2, start=5)
    >>> bool(sin[1, 0] == np.sin(6.0))
    True
    """
    positions = np.arange(start, start + n_positions, dtype=np.float64)
    angles = positions[:, None] * frequencies
    return (scale * np.cos(angles)).astype(dtype), (scale * np.sin(angles)).astype(dtype)


def forward(x: NDArray, cos: NDArray, sin: NDArray) -> tuple[NDArray, Saved]:
    """Turn the first R channels of x (B, H, T, D) by tables (T, R/2); returns y like x.

    Raises
    ------
    ValueError
        If the tables have more pairs than x has, or another number of positions.
    """
    check(x, cos)
    return _rotate(x, cos, sin), Saved(cos, sin)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx (B, H, T, D)."""
    return _rotate(dy, saved.cos, -saved.sin)


def check(x: NDArray, cos: NDArray) -> None:
    """Raise ValueError unless the tables fit x."""
    if 2 * cos.shape[1] > x.shape[-1] or cos.shape[0] != x.shape[-2]:
        raise ValueError(f"tables {cos.shape} do not fit x {x.shape}: (T, R/2) with R <= D")


def _rotate(x: NDArray, cos: NDArray, sin: NDArray) -> NDArray:
    half = cos.shape[1]
    first, second = x[..., :half], x[..., half : 2 * half]
    y = x.copy()
    y[..., :half] = first * cos - second * sin
    y[..., half : 2 * half] = first * sin + second * cos
    return y
