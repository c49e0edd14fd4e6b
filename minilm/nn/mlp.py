"""The MLP of a block: each position, on its own, through a wider layer and back."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from minilm.backend import ops
from minilm.nn.dropout import Dropout
from minilm.nn.layer import Layer
from minilm.nn.linear import Linear
from minilm.nn.parameters import Scope

__all__ = ["ACTIVATIONS", "MLP"]

ACTIVATIONS = ("gelu", "gelu_exact", "swiglu", "squared_relu")


class Saved(NamedTuple):
    """One entry for each operation of forward."""

    up: Any
    activation: Any
    down: Any
    dropout: Any


class MLP(Layer):
    """down(activation(up(x))).

    Parameters
    ----------
    n_embd, n_hidden : int
        C and F. SwiGLU needs 2F columns from `up`: its first half gates the second.
    activation : str
        One of `ACTIVATIONS`: GELU by the tanh formula or exact (Hendrycks and Gimpel,
        2016), SwiGLU (Shazeer, 2020), squared ReLU (So et al., "Primer", 2021).
    residual_std : float
        Standard deviation of the initial weights that write into the residual stream.
    """

    def __init__(
        self,
        scope: Scope,
        n_embd: int,
        n_hidden: int,
        *,
        activation: str,
        bias: bool,
        dropout: float,
        residual_std: float,
    ) -> None:
        self.activation = activation
        n_up = 2 * n_hidden if activation == "swiglu" else n_hidden
        self.up = Linear(scope / "up", n_embd, n_up, bias=bias)
        self.down = Linear(scope / "down", n_hidden, n_embd, bias=bias, std=residual_std)
        self.dropout = Dropout(dropout, f"{scope.path}.output")

    def forward(self, x: NDArray, *, key: int | None = None) -> tuple[NDArray, Saved]:
        """x (..., C) -> y (..., C). `key` turns dropout on."""
        h, s_up = self.up.forward(x)
        if self.activation == "gelu":
            h, s_activation = ops.gelu.forward(h, approximate="tanh")
        elif self.activation == "gelu_exact":
            h, s_activation = ops.gelu.forward(h, approximate="none")
        elif self.activation == "swiglu":
            h, s_activation = ops.swiglu.forward(h)
        else:
            h, s_activation = ops.squared_relu.forward(h)
        y, s_down = self.down.forward(h)
        y, s_dropout = self.dropout.forward(y, key)
        return y, Saved(s_up, s_activation, s_down, s_dropout)

    def backward(self, dy: NDArray, saved: Saved) -> NDArray:
        """dy (..., C) -> dx (..., C)."""
        dy = self.dropout.backward(dy, saved.dropout)
        dh = self.down.backward(dy, saved.down)
        if self.activation in ("gelu", "gelu_exact"):
            dh = ops.gelu.backward(dh, saved.activation)
        elif self.activation == "swiglu":
            dh = ops.swiglu.backward(dh, saved.activation)
        else:
            dh = ops.squared_relu.backward(dh, saved.activation)
        return self.up.backward(dh, saved.up)
