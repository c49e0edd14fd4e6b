"""One transformer block: attention and an MLP, each added to the residual stream.

    pre-norm     x = x + attention(norm_1(x))           GPT-2, Llama, Qwen
                 x = x + mlp(norm_2(x))
    parallel     x = x + attention(norm_1(x)) + mlp(norm_2(x))           GPT-NeoX
    post-norm    x = norm_1(x + attention(x))           BERT, and the paper of 2017
                 x = norm_2(x + mlp(x))

With the norm before each branch the sum itself is never rescaled, and the gradient of the
last block's output reaches the first block's input unchanged, plus what each branch adds.
Behind the sum the norm rescales it 2L times, so deep post-norm models need a warm-up.

Source: Vaswani et al. (2017) for post-norm; Xiong et al., "On Layer Normalization in the
Transformer Architecture" (2020) for the difference; Wang and Komatsuzaki, "GPT-J-6B"
(2021) for the parallel form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from minilm.backend import ops
from minilm.nn.attention import Attention, AttentionOptions, KeyValues
from minilm.nn.layer import Layer
from minilm.nn.mlp import MLP
from minilm.nn.norm import make_norm
from minilm.nn.parameters import Scope

__all__ = ["WIRINGS", "Block", "BlockOptions"]

WIRINGS = ("pre_norm", "parallel", "post_norm")


@dataclass(frozen=True)
class BlockOptions:
    """The choices that tell one architecture's block from another's.

    Attributes
    ----------
    wiring : str
        One of `WIRINGS`, the formulas above.
    norm_bias, mlp_bias : bool
        Biases of LayerNorm and of the MLP's two linear maps.
    """

    n_embd: int
    n_hidden: int
    norm: str
    norm_eps: float
    activation: str
    residual_std: float
    attention: AttentionOptions
    wiring: str = "pre_norm"
    norm_bias: bool = True
    mlp_bias: bool = True
    dropout: float = 0.0


class Saved(NamedTuple):
    """One entry for each layer."""

    norm_1: Any
    attention: Any
    norm_2: Any
    mlp: Any


class Block(Layer):
    """See the module's formulas; options in `BlockOptions`."""

    def __init__(self, scope: Scope, options: BlockOptions) -> None:
        self.options = o = options
        norm: dict[str, Any] = {"bias": o.norm_bias, "eps": o.norm_eps}
        self.norm_1 = make_norm(o.norm, scope / "norm_1", o.n_embd, **norm)
        self.attention = Attention(
            scope / "attention", o.n_embd, o.attention, residual_std=o.residual_std
        )
        self.norm_2 = make_norm(o.norm, scope / "norm_2", o.n_embd, **norm)
        self.mlp = MLP(
            scope / "mlp",
            o.n_embd,
            o.n_hidden,
            activation=o.activation,
            bias=o.mlp_bias,
            dropout=o.dropout,
            residual_std=o.residual_std,
        )

    def forward(
        self,
        x: NDArray,
        *,
        key: int | None = None,
        cache: KeyValues | None = None,
        key_mask: NDArray | None = None,
        first_key: NDArray | None = None,
    ) -> tuple[NDArray, Saved]:
        """x (B, T, C) -> y (B, T, C); the other arguments are those of `Attention`."""
        seen: dict[str, Any] = {"key": key, "cache": cache}
        seen |= {"key_mask": key_mask, "first_key": first_key}
        if self.options.wiring == "pre_norm":
            h, s_norm_1 = self.norm_1.forward(x)
            x, s_attention = self._add(x, self.attention, h, **seen)
            self.tap(middle=x)
            h, s_norm_2 = self.norm_2.forward(x)
            x, s_mlp = self._add(x, self.mlp, h, key=key)
        elif self.options.wiring == "parallel":
            h, s_norm_1 = self.norm_1.forward(x)
            a, s_attention = self._add(x, self.attention, h, **seen)
            h, s_norm_2 = self.norm_2.forward(x)
            x, s_mlp = self._add(a, self.mlp, h, key=key)
        else:
            h, s_attention = self._add(x, self.attention, x, **seen)
            x, s_norm_1 = self.norm_1.forward(h)
            h, s_mlp = self._add(x, self.mlp, x, key=key)
            x, s_norm_2 = self.norm_2.forward(h)
        return x, Saved(s_norm_1, s_attention, s_norm_2, s_mlp)

    def _add(
        self, x: NDArray, branch: Attention | MLP, h: NDArray, **options: Any
    ) -> tuple[NDArray, Any]:
        """x + branch(h). Its last product adds to x, unless somebody wants to see what it adds."""
        if not self.watched:
            return branch.forward(h, onto=x, **options)
        h, saved = branch.forward(h, **options)
        return ops.residual.add(x, h), saved

    def backward(self, dx: NDArray, saved: Saved) -> NDArray:
        """The gradient of the output -> the gradient of the input, both (B, T, C)."""
        if self.options.wiring == "pre_norm":
            dh = self.mlp.backward(dx, saved.mlp)
            dx = self.norm_2.backward(dh, saved.norm_2, onto=dx)
            self.tap_gradients(middle=dx)
            dh = self.attention.backward(dx, saved.attention)
            return self.norm_1.backward(dh, saved.norm_1, onto=dx)
        if self.options.wiring == "parallel":
            dm = self.mlp.backward(dx, saved.mlp)
            da = self.attention.backward(dx, saved.attention)
            dx = self.norm_2.backward(dm, saved.norm_2, onto=dx)
            return self.norm_1.backward(da, saved.norm_1, onto=dx)
        dx = self.norm_2.backward(dx, saved.norm_2)
        dx = ops.residual.add(dx, self.mlp.backward(dx, saved.mlp))
        dx = self.norm_1.backward(dx, saved.norm_1)
        return ops.residual.add(dx, self.attention.backward(dx, saved.attention))
