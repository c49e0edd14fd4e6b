"""A table of vectors, looked up by id."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from minilm.backend import ops
from minilm.nn.layer import Layer
from minilm.nn.parameters import Normal, Scope

__all__ = ["Embedding"]


class Embedding(Layer):
    """Weight (n, C) drawn from N(0, std^2), one row an id."""

    def __init__(self, scope: Scope, n: int, n_embd: int, *, std: float = 0.02) -> None:
        self.weight = scope.parameter("weight", (n, n_embd), Normal(std), decay=True)

    def forward(self, ids: NDArray) -> tuple[NDArray, Any]:
        """ids (...,) of int -> y (..., C)."""
        return ops.embedding.forward(ids, self.weight.value)

    def backward(self, dy: NDArray, saved: Any) -> None:
        """dy (..., C); ids have no gradient, so nothing is returned."""
        ops.embedding.backward(dy, saved, out=self.weight.grad)
