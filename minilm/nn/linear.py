"""A linear map of the last axis: y = x @ weight + bias."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from minilm.backend import ops
from minilm.nn.layer import Layer
from minilm.nn.parameters import Constant, Normal, Parameter, Scope

__all__ = ["Linear", "TiedLinear"]


class Linear(Layer):
    """Weight (n_in, n_out) drawn from N(0, std^2), bias (n_out,) zero.

    Raises nothing of its own; a wrong last axis is NumPy's ValueError.
    """

    half: Any = None  # the weight in bfloat16, where `generation.half` has set it

    def __init__(
        self, scope: Scope, n_in: int, n_out: int, *, bias: bool = True, std: float = 0.02
    ) -> None:
        self.weight = scope.parameter("weight", (n_in, n_out), Normal(std), decay=True)
        self.bias = scope.parameter("bias", (n_out,), Constant(0.0)) if bias else None

    def forward(self, x: NDArray, onto: NDArray | None = None) -> tuple[NDArray, Any]:
        """x (..., n_in) -> y (..., n_out), added to `onto`, whose gradient is that of y."""
        bias = self.bias.value if self.bias else None
        if self.half is not None:
            y = ops.half_weights.linear(x, self.half, bias)
            return y if onto is None else ops.residual.add(onto, y), None
        return ops.linear.forward(x, self.weight.value, bias, onto)

    def backward(self, dy: NDArray, saved: Any) -> NDArray:
        """dy (..., n_out) -> dx (..., n_in)."""
        out = self.weight.grad, self.bias.grad if self.bias else None
        dx, _, _ = ops.linear.backward(dy, saved, out=out)
        return dx


class TiedLinear(Layer):
    """The output head that shares the token embedding's table: logits = x @ table.T + bias.

    Both uses add into the one gradient. Source: Press and Wolf, "Using the Output
    Embedding to Improve Language Models" (2017).

    Parameters
    ----------
    table : Parameter
        (V, C), declared by the embedding.
    scope : Scope, optional
        Where to declare a bias (V,); GPT has none, BERT has.
    """

    half: Any = None  # as in Linear, (C, V)

    def __init__(self, table: Parameter, scope: Scope | None = None) -> None:
        self.table = table
        self.bias = scope.parameter("bias", table.shape[:1], Constant(0.0)) if scope else None

    def forward(self, x: NDArray) -> tuple[NDArray, Any]:
        """x (..., C) -> logits (..., V)."""
        bias = self.bias.value if self.bias else None
        if self.half is not None:
            return ops.half_weights.linear(x, self.half, bias), None
        return ops.linear.forward(x, self.table.value.T, bias)

    def backward(self, dy: NDArray, saved: Any) -> NDArray:
        """dlogits (..., V) -> dx (..., C)."""
        out = self.table.grad.T, self.bias.grad if self.bias else None
        dx, _, _ = ops.linear.backward(dy, saved, out=out)
        return dx
