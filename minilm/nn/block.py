"""One transformer block: attention, then MLP, each added to the residual stream.

    x = x + attention(norm_1(x))
    x = x + mlp(norm_2(x))

The norm stands before each branch (pre-norm), so the sum itself is never rescaled and
the gradient of the last block's output reaches the first block's input unchanged, plus
what each branch adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from minilm.nn.attention import Attention, AttentionOptions, KeyValues
from minilm.nn.layer import Layer
from minilm.nn.mlp import MLP
from minilm.nn.norm import make_norm
from minilm.nn.parameters import Scope

__all__ = ["Block", "BlockOptions"]


@dataclass(frozen=True)
class BlockOptions:
    """The choices that tell one architecture's block from another's."""

    n_embd: int
    n_hidden: int
    norm: str
    activation: str
    residual_std: float
    attention: AttentionOptions


class Saved(NamedTuple):
    """One entry for each layer of forward."""

    norm_1: Any
    attention: Any
    norm_2: Any
    mlp: Any


class Block(Layer):
    """See the module's formula; options in `BlockOptions`."""

    def __init__(self, scope: Scope, options: BlockOptions) -> None:
        o, a = options, options.attention
        self.norm_1 = make_norm(o.norm, scope / "norm_1", o.n_embd, bias=a.bias, eps=a.norm_eps)
        self.attention = Attention(scope / "attention", o.n_embd, a, residual_std=o.residual_std)
        self.norm_2 = make_norm(o.norm, scope / "norm_2", o.n_embd, bias=a.bias, eps=a.norm_eps)
        self.mlp = MLP(
            scope / "mlp",
            o.n_embd,
            o.n_hidden,
            activation=o.activation,
            bias=a.bias,
            dropout=a.dropout,
            residual_std=o.residual_std,
        )

    def forward(
        self, x: NDArray, *, key: int | None = None, cache: KeyValues | None = None
    ) -> tuple[NDArray, Saved]:
        """x (B, T, C) -> y (B, T, C)."""
        h, s_norm_1 = self.norm_1.forward(x)
        h, s_attention = self.attention.forward(h, key=key, cache=cache)
        x = x + h
        h, s_norm_2 = self.norm_2.forward(x)
        h, s_mlp = self.mlp.forward(h, key=key)
        x = x + h
        return x, Saved(s_norm_1, s_attention, s_norm_2, s_mlp)

    def backward(self, dx: NDArray, saved: Saved) -> NDArray:
        """The gradient of the output -> the gradient of the input, both (B, T, C)."""
        dh = self.mlp.backward(dx, saved.mlp)
        dx = dx + self.norm_2.backward(dh, saved.norm_2)
        dh = self.attention.backward(dx, saved.attention)
        return dx + self.norm_1.backward(dh, saved.norm_1)
