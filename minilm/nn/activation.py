"""The nonlinearities of an MLP, by name."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from minilm.backend import ops
from minilm.nn.layer import Layer

__all__ = ["ACTIVATIONS", "Activation"]

ACTIVATIONS = ("gelu", "gelu_exact", "swiglu", "squared_relu")


class Activation(Layer):
    """One of `ACTIVATIONS`.

    GELU by the tanh formula or exact (Hendrycks and Gimpel, 2016), SwiGLU (Shazeer,
    2020), whose output has half the channels of its input, squared ReLU (So et al.,
    "Primer", 2021).
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def forward(self, x: NDArray) -> tuple[NDArray, Any]:
        """x (..., F) -> y (..., F); SwiGLU: x (..., 2F)."""
        return self._operation(x)

    def again(self, saved: Any) -> NDArray:
        """What forward returned, computed once more from what it saved."""
        return self._operation(saved.x)[0]

    def _operation(self, x: NDArray) -> tuple[NDArray, Any]:
        if self.kind == "gelu":
            return ops.gelu.forward(x, approximate="tanh")
        if self.kind == "gelu_exact":
            return ops.gelu.forward(x, approximate="none")
        return getattr(ops, self.kind).forward(x)

    def backward(self, dy: NDArray, saved: Any) -> NDArray:
        """dy, like y -> dx, like x."""
        name = "gelu" if self.kind == "gelu_exact" else self.kind
        return getattr(ops, name).backward(dy, saved)
