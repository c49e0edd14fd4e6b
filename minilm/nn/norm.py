"""Normalisation of the channels: LayerNorm (GPT-2) and RMSNorm (present-day models)."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from minilm.backend import ops
from minilm.nn.layer import Layer
from minilm.nn.parameters import Constant, Scope

__all__ = ["LayerNorm", "RMSNorm", "make_norm"]


class LayerNorm(Layer):
    """Gain (C,) one, bias (C,) zero."""

    def __init__(self, scope: Scope, n_embd: int, *, bias: bool = True, eps: float = 1e-5) -> None:
        self.weight = scope.parameter("weight", (n_embd,), Constant(1.0))
        self.bias = scope.parameter("bias", (n_embd,), Constant(0.0)) if bias else None
        self.eps = eps

    def forward(self, x: NDArray) -> tuple[NDArray, Any]:
        """x (..., C) -> y (..., C)."""
        bias = self.bias.value if self.bias else None
        return ops.layer_norm.forward(x, self.weight.value, bias, self.eps)

    def backward(self, dy: NDArray, saved: Any, onto: NDArray | None = None) -> NDArray:
        """dy (..., C) -> dx (..., C), added to `onto`."""
        dx, dweight, dbias = ops.layer_norm.backward(dy, saved, onto)
        self.weight.add_grad(dweight)
        if self.bias:
            self.bias.add_grad(dbias)
        return dx


class RMSNorm(Layer):
    """Gain (C,) one; neither mean nor bias."""

    def __init__(self, scope: Scope, n_embd: int, *, eps: float = 1e-5) -> None:
        self.weight = scope.parameter("weight", (n_embd,), Constant(1.0))
        self.eps = eps

    def forward(self, x: NDArray) -> tuple[NDArray, Any]:
        """x (..., C) -> y (..., C)."""
        return ops.rms_norm.forward(x, self.weight.value, self.eps)

    def backward(self, dy: NDArray, saved: Any, onto: NDArray | None = None) -> NDArray:
        """dy (..., C) -> dx (..., C), added to `onto`."""
        dx, dweight = ops.rms_norm.backward(dy, saved, onto)
        self.weight.add_grad(dweight)
        return dx


def make_norm(
    kind: str, scope: Scope, n_embd: int, *, bias: bool, eps: float
) -> LayerNorm | RMSNorm:
    """The norm called `kind`: ``layer_norm`` or ``rms_norm``."""
    if kind == "layer_norm":
        return LayerNorm(scope, n_embd, bias=bias, eps=eps)
    return RMSNorm(scope, n_embd, eps=eps)
