"""The MLP of a block: each position, on its own, through a wider layer and back."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from minilm.nn.activation import Activation
from minilm.nn.dropout import Dropout
from minilm.nn.layer import Layer
from minilm.nn.linear import Linear
from minilm.nn.parameters import Scope

__all__ = ["MLP"]


class Saved(NamedTuple):
    """One entry for each layer of forward; that of `down` without its input, which backward
    computes again from the activation's: F numbers a position less to keep."""

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
        One of `minilm.nn.activation.ACTIVATIONS`.
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
        n_up = 2 * n_hidden if activation == "swiglu" else n_hidden
        self.up = Linear(scope / "up", n_embd, n_up, bias=bias)
        self.activation = Activation(activation)
        self.down = Linear(scope / "down", n_hidden, n_embd, bias=bias, std=residual_std)
        self.dropout = Dropout(dropout, f"{scope.path}.output")

    def forward(
        self, x: NDArray, *, key: int | None = None, onto: NDArray | None = None
    ) -> tuple[NDArray, Saved]:
        """x (..., C) -> y (..., C), added to `onto`. `key` turns dropout on."""
        h, s_up = self.up.forward(x)
        h, s_activation = self.activation.forward(h)
        y, s_down, s_dropout = self.dropout.after(self.down, h, key, onto)
        if s_down is not None:  # None where no backward can follow
            s_down = s_down._replace(x=None)
        return y, Saved(s_up, s_activation, s_down, s_dropout)

    def backward(self, dy: NDArray, saved: Saved) -> NDArray:
        """dy (..., C) -> dx (..., C)."""
        dy = self.dropout.backward(dy, saved.dropout)
        s_down = saved.down._replace(x=self.activation.again(saved.activation))
        dh = self.down.backward(dy, s_down)
        del s_down  # and the values computed again
        dh = self.activation.backward(dh, saved.activation)
        return self.up.backward(dh, saved.up)
