"""GPT: tokens in, a distribution over the next token out.

    tokens (B, T) -> embed -> L blocks -> norm -> head -> logits (B, T, V)

`features` is all but the head, and `features_backward` is its mirror image, line for
line. The head stands apart because a loss rarely needs every logit at once: training
takes it in slices of positions, a masked objective only where something is masked,
generation only at the last position.

Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019);
the options of `GPTConfig` name theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minilm.errors import MinilmError
from minilm.models.config import GPTConfig
from minilm.nn.attention import AttentionOptions, KeyValues
from minilm.nn.block import Block, BlockOptions
from minilm.nn.dropout import Dropout
from minilm.nn.embedding import Embedding
from minilm.nn.layer import Layer
from minilm.nn.linear import Linear, TiedLinear
from minilm.nn.norm import make_norm
from minilm.nn.parameters import Parameters, Scope

__all__ = ["GPT", "declare"]


class Saved(NamedTuple):
    """What each layer saved, in order of computation."""

    token_embedding: Any
    position_embedding: Any
    dropout: Any
    blocks: list[Any]
    final_norm: Any


class Wiring(Layer):
    """The layers of a GPT, declared under a scope and not yet allocated."""

    def __init__(self, config: GPTConfig, scope: Scope) -> None:
        c = config
        attention = AttentionOptions(
            n_head=c.n_head,
            n_kv_head=c.kv_heads,
            rope_base=c.rope_base if c.position == "rope" else None,
            qk_norm=c.qk_norm,
            norm_eps=c.norm_eps,
            bias=c.bias,
            dropout=c.dropout,
        )
        # 2L branches add into the residual stream; scaled so that their sum starts at 0.02.
        residual_std = 0.02 / math.sqrt(2 * c.n_layer)
        block = BlockOptions(c.n_embd, c.hidden_size, c.norm, c.activation, residual_std, attention)
        self.token_embedding = Embedding(scope / "token_embedding", c.vocab_size, c.n_embd)
        self.position_embedding = (
            Embedding(scope / "position_embedding", c.block_size, c.n_embd)
            if c.position == "learned"
            else None
        )
        self.dropout = Dropout(c.dropout, "embedding")
        self.blocks = tuple(Block(scope / "blocks" / str(i), block) for i in range(c.n_layer))
        self.final_norm = make_norm(
            c.norm, scope / "final_norm", c.n_embd, bias=c.bias, eps=c.norm_eps
        )
        self.head: TiedLinear | Linear = (
            TiedLinear(self.token_embedding.weight)
            if c.tied_head
            else Linear(scope / "head", c.n_embd, c.vocab_size, bias=False)
        )


def declare(config: GPTConfig) -> Scope:
    """The parameters that a GPT of this configuration has, without allocating them."""
    scope = Scope()
    Wiring(config, scope)
    return scope


class GPT(Wiring):
    """A GPT with its parameters.

    Parameters
    ----------
    config : GPTConfig
        With `vocab_size` set.
    dtype : float32 or float64
    seed : int or None
        Of the initial parameters; None leaves them zero, to be filled from a file.

    Examples
    --------
    >>> model = GPT(GPTConfig(vocab_size=7, block_size=8, n_layer=1, n_head=2, n_embd=4))
    >>> logits, saved = model.forward(np.array([[1, 2, 3]]))
    >>> logits.shape
    (1, 3, 7)
    >>> model.backward(np.ones_like(logits), saved)
    >>> model.parameters["blocks.0.mlp.up.weight"].grad.shape
    (4, 16)
    """

    def __init__(
        self, config: GPTConfig, *, dtype: DTypeLike = np.float32, seed: int | None = 0
    ) -> None:
        if config.vocab_size < 1:
            raise MinilmError("model.vocab_size = 0: set it to the tokenizer's vocabulary size")
        scope = Scope()
        super().__init__(config, scope)
        self.config = config
        self.parameters = Parameters(scope.declared, dtype, seed)

    def features(
        self,
        tokens: NDArray,
        *,
        key: int | None = None,
        cache: Sequence[KeyValues] | None = None,
    ) -> tuple[NDArray, Saved]:
        """Tokens (B, T) of int -> the last layer's normalised features (B, T, C).

        Parameters
        ----------
        key : int, optional
            Turns dropout on, with masks drawn from this key.
        cache : one KeyValues a layer, optional
            Earlier positions, which these tokens continue.

        Raises
        ------
        MinilmError
            If the positions do not fit `block_size`, or an id the vocabulary.
        """
        start = cache[0].start if cache else 0
        positions = np.arange(start, start + tokens.shape[1])
        self._check(tokens, start)

        s_position = None
        x, s_token = self.token_embedding.forward(tokens)
        if self.position_embedding:
            p, s_position = self.position_embedding.forward(positions)
            x = x + p
        x, s_dropout = self.dropout.forward(x, key)
        s_blocks = []
        for i, block in enumerate(self.blocks):
            x, s_block = block.forward(x, key=key, cache=cache[i] if cache else None)
            s_blocks.append(s_block)
        x, s_norm = self.final_norm.forward(x)
        return x, Saved(s_token, s_position, s_dropout, s_blocks, s_norm)

    def features_backward(self, dx: NDArray, saved: Saved) -> None:
        """dx (B, T, C): adds into the gradients of all parameters below the head."""
        dx = self.final_norm.backward(dx, saved.final_norm)
        for block, s_block in zip(reversed(self.blocks), reversed(saved.blocks), strict=True):
            dx = block.backward(dx, s_block)
        dx = self.dropout.backward(dx, saved.dropout)
        if self.position_embedding:
            self.position_embedding.backward(dx.sum(axis=0), saved.position_embedding)
        self.token_embedding.backward(dx, saved.token_embedding)

    def forward(self, tokens: NDArray, *, key: int | None = None) -> tuple[NDArray, Any]:
        """Tokens (B, T) -> logits (B, T, V), all of them."""
        x, s_features = self.features(tokens, key=key)
        logits, s_head = self.head.forward(x)
        return logits, (s_features, s_head)

    def backward(self, dlogits: NDArray, saved: Any) -> None:
        """dlogits (B, T, V): adds into the gradient of every parameter."""
        s_features, s_head = saved
        dx = self.head.backward(dlogits, s_head)
        self.features_backward(dx, s_features)

    def _check(self, tokens: NDArray, start: int) -> None:
        if start + tokens.shape[1] > self.config.block_size:
            raise MinilmError(
                f"{start + tokens.shape[1]} positions do not fit "
                f"model.block_size = {self.config.block_size}"
            )
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < self.config.vocab_size:
            raise MinilmError(
                f"token ids from {tokens.min()} to {tokens.max()} do not fit "
                f"model.vocab_size = {self.config.vocab_size}"
            )
