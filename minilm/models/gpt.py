"""GPT: tokens in, a distribution over the next token out.

    tokens (B, T) -> embed -> L blocks -> norm -> head -> logits (B, T, V)

`features` is all but the head, and `features_backward` is its mirror image, line for
line; `minilm.models.model` joins them with the head.

Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019);
the options of `GPTConfig` name theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.models.config import GPTConfig
from minilm.models.model import Model
from minilm.nn.attention import AttentionOptions, KeyValues
from minilm.nn.block import Block, BlockOptions
from minilm.nn.dropout import Dropout
from minilm.nn.embedding import Embedding
from minilm.nn.linear import Linear, TiedLinear
from minilm.nn.norm import make_norm
from minilm.nn.parameters import Scope

__all__ = ["GPT"]


class Saved(NamedTuple):
    """What each layer saved, in order of computation."""

    token_embedding: Any
    position_embedding: Any
    dropout: Any
    blocks: list[Any]
    final_norm: Any


class GPT(Model):
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

    causal = True

    def wire(self, config: GPTConfig, scope: Scope) -> None:
        """Make the layers, which declare their parameters under `scope`."""
        c = config
        block = _block_options(c)
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

    def features(
        self,
        tokens: NDArray,
        *,
        key: int | None = None,
        cache: Sequence[KeyValues] | None = None,
        key_mask: NDArray | None = None,
        starts: NDArray | None = None,
    ) -> tuple[NDArray, Saved]:
        """Tokens (B, T) of int -> the last layer's normalised features (B, T, C).

        Parameters
        ----------
        key : int, optional
            Turns dropout on, with masks drawn from this key.
        cache : one KeyValues a layer, optional
            Earlier positions, which these tokens continue.
        key_mask : ndarray (B, T) of bool, optional
            False for padding, which no position may attend to.
        starts : ndarray (B, T) of int, optional
            Where in the row each token's document starts: it sees no token before, and
            learned positions count from there.

        Raises
        ------
        MinilmError
            If the positions do not fit `block_size`, or an id the vocabulary.
        """
        start = cache[0].start if cache else 0
        positions = np.arange(start, start + tokens.shape[1])
        self._check(tokens, start)
        if starts is not None:
            positions = positions - starts

        s_position = None
        x, s_token = self.token_embedding.forward(tokens)
        if self.position_embedding:
            p, s_position = self.position_embedding.forward(positions)
            x = x + p
            self.tap(embedding=x)
        x, s_dropout = self.dropout.forward(x, key)
        s_blocks = []
        for i, block in enumerate(self.blocks):
            layer_cache = cache[i] if cache else None
            x, s_block = block.forward(
                x, key=key, cache=layer_cache, key_mask=key_mask, first_key=starts
            )
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
            self.tap_gradients(embedding=dx)
            # One row of positions serves the batch, unless documents start in different places.
            shared = saved.position_embedding.ids.ndim == 1
            dp = dx.sum(axis=0) if shared else dx
            self.position_embedding.backward(dp, saved.position_embedding)
        self.token_embedding.backward(dx, saved.token_embedding)


def _block_options(config: GPTConfig) -> BlockOptions:
    c = config
    attention = AttentionOptions(
        n_head=c.n_head,
        n_kv_head=c.kv_heads,
        head_size=c.head_size,
        rotary=c.rotary,
        qk_norm=c.qk_norm,
        norm_eps=c.norm_eps,
        qkv_bias=c.qkv_bias,
        projection_bias=c.projection_bias,
        dropout=c.dropout,
    )
    return BlockOptions(
        n_embd=c.n_embd,
        n_hidden=c.hidden_size,
        norm=c.norm,
        norm_eps=c.norm_eps,
        activation=c.activation,
        # 2L branches add into the residual stream; scaled so that their sum starts at 0.02.
        residual_std=0.02 / math.sqrt(2 * c.n_layer),
        attention=attention,
        wiring=c.block,
        norm_bias=c.bias,
        mlp_bias=c.bias,
        dropout=c.dropout,
    )
