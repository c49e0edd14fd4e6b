"""Dropout as layers use it: off without a key."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from minilm import rng
from minilm.backend import ops
from minilm.nn.layer import Layer

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

    def backward(self, dy: NDArray, saved: Any) -> NDArray:
        """dy -> dx of the same shape."""
        return dy if saved is None else ops.dropout.backward(dy, saved)
