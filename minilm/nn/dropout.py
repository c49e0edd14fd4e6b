"""Dropout as layers use it: off without a key."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from minilm import rng
from minilm.backend import ops
from minilm.nn.layer import Layer
from minilm.nn.linear import Linear

__all__ = ["Dropout"]


class Dropout(Layer):
    """Zero a share `p` of the entries in training; pass through in evaluation.

    There is no training mode to switch: a forward with a key draws a mask from it, a
    forward without one does nothing. `site` tells this mask apart from other layers'.
    """

    def __init__(self, p: float, site: str) -> None:
        self.p = p
        self.site = site

    def forward(self, x: NDArray, key: int | None) -> tuple[NDArray, Any]:
        """x -> y of the same shape."""
        if key is None or self.p == 0:
            return x, None
        return ops.dropout.forward(x, self.p, rng.fold(key, self.site))

    def after(
        self, linear: Linear, x: NDArray, key: int | None, onto: NDArray | None
    ) -> tuple[NDArray, Any, Any]:
        """onto + dropout(linear(x)), as the end of each branch of a block, and what the two
        layers keep. Without dropout the sum is made where the product is."""
        if key is None or self.p == 0:
            y, s_linear = linear.forward(x, onto)
            return y, s_linear, None
        y, s_linear = linear.forward(x)
        y, s_dropout = self.forward(y, key)
        return y if onto is None else ops.residual.add(onto, y), s_linear, s_dropout

    def backward(self, dy: NDArray, saved: Any) -> NDArray:
        """dy -> dx of the same shape."""
        return dy if saved is None else ops.dropout.backward(dy, saved)
