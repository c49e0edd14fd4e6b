"""BERT: tokens in, a vector for each that has read the whole sequence, both ways.

    tokens (B, T) -> embed -> norm -> L post-norm blocks -> features (B, T, C)
    features -> masked head -> logits (B, T, V)         what stood under the mask
    features[:, 0] -> pooler -> (B, C)                  for the sequence as a whole

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding" (2019); Liu et al., "RoBERTa" (2019), which counts positions its own way; Warner
et al., "ModernBERT" (2024), for rotary positions in an encoder.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.backend import ops
from minilm.errors import MinilmError
from minilm.models.bert_config import BERTConfig
from minilm.models.model import Model
from minilm.nn.activation import Activation
from minilm.nn.attention import AttentionOptions
from minilm.nn.block import Block, BlockOptions
from minilm.nn.dropout import Dropout
from minilm.nn.embedding import Embedding
from minilm.nn.layer import Layer
from minilm.nn.linear import Linear, TiedLinear
from minilm.nn.norm import LayerNorm
from minilm.nn.parameters import Parameter, Scope

__all__ = ["BERT"]


class MaskedHead(Layer):
    """Features to logits: dense, activation, norm, and the token table with a bias."""

    def __init__(self, scope: Scope, config: BERTConfig, table: Parameter) -> None:
        self.dense = Linear(scope / "dense", config.n_embd, config.n_embd)
        self.activation = Activation(config.activation)
        self.norm = LayerNorm(scope / "norm", config.n_embd, eps=config.norm_eps)
        self.decoder = TiedLinear(table, scope / "decoder")

    def forward(self, x: NDArray) -> tuple[NDArray, Any]:
        """x (..., C) -> logits (..., V)."""
        h, s_dense = self.dense.forward(x)
        h, s_activation = self.activation.forward(h)
        h, s_norm = self.norm.forward(h)
        logits, s_decoder = self.decoder.forward(h)
        return logits, (s_dense, s_activation, s_norm, s_decoder)

    def backward(self, dlogits: NDArray, saved: Any) -> NDArray:
        """dlogits (..., V) -> dx (..., C)."""
        s_dense, s_activation, s_norm, s_decoder = saved
        dh = self.decoder.backward(dlogits, s_decoder)
        dh = self.norm.backward(dh, s_norm)
        dh = self.activation.backward(dh, s_activation)
        return self.dense.backward(dh, s_dense)


class Pooler(Layer):
    """tanh(dense(x)) of the first position's features."""

    def __init__(self, scope: Scope, n_embd: int) -> None:
        self.dense = Linear(scope / "dense", n_embd, n_embd)

    def forward(self, x: NDArray) -> tuple[NDArray, Any]:
        """Features x (B, T, C) -> (B, C)."""
        h, s_dense = self.dense.forward(np.ascontiguousarray(x[:, 0]))
        y, s_tanh = ops.tanh.forward(h)
        return y, (x.shape, s_dense, s_tanh)

    def backward(self, dy: NDArray, saved: Any) -> NDArray:
        """dy (B, C) -> dx (B, T, C), zero but at the first position."""
        shape, s_dense, s_tanh = saved
        dh = ops.tanh.backward(dy, s_tanh)
        dx = np.zeros(shape, dy.dtype)
        dx[:, 0] = self.dense.backward(dh, s_dense)
        return dx


class Saved(NamedTuple):
    """What each layer saved, in order of computation."""

    token_embedding: Any
    position_embedding: Any
    type_embedding: Any
    embedding_norm: Any
    dropout: Any
    blocks: list[Any]


class BERT(Model):
    """A BERT with its parameters.

    Parameters
    ----------
    config : BERTConfig
        With `vocab_size` set.
    dtype : float32 or float64
    seed : int or None
        Of the initial parameters; None leaves them zero, to be filled from a file.

    Examples
    --------
    >>> model = BERT(BERTConfig(vocab_size=7, block_size=8, n_layer=1, n_head=2, n_embd=4))
    >>> x, saved = model.features(np.array([[1, 2, 0]]), key_mask=np.array([[1, 1, 0]], bool))
    >>> x.shape
    (1, 3, 4)
    """

    causal = False

    def wire(self, config: BERTConfig, scope: Scope) -> None:
        """Make the layers, which declare their parameters under `scope`."""
        c = config
        n_position = c.block_size + c.padding_id + 1
        self.token_embedding = Embedding(scope / "token_embedding", c.vocab_size, c.n_embd)
        self.position_embedding = (
            Embedding(scope / "position_embedding", n_position, c.n_embd)
            if c.position == "learned"
            else None
        )
        self.type_embedding = (
            Embedding(scope / "type_embedding", c.n_token_type, c.n_embd)
            if c.n_token_type
            else None
        )
        self.embedding_norm = LayerNorm(scope / "embedding_norm", c.n_embd, eps=c.norm_eps)
        self.dropout = Dropout(c.dropout, "embedding")
        attention = AttentionOptions(
            n_head=c.n_head,
            n_kv_head=c.n_head,
            head_size=c.head_size,
            causal=False,
            rotary=c.rotary,
            dropout=c.dropout,
        )
        block = BlockOptions(
            n_embd=c.n_embd,
            n_hidden=c.hidden_size,
            norm="layer_norm",
            norm_eps=c.norm_eps,
            activation=c.activation,
            residual_std=0.02,
            attention=attention,
            wiring="post_norm",
            dropout=c.dropout,
        )
        self.blocks = tuple(Block(scope / "blocks" / str(i), block) for i in range(c.n_layer))
        self.pooler = Pooler(scope / "pooler", c.n_embd) if c.pooler else None
        self.head = (
            MaskedHead(scope / "head", c, self.token_embedding.weight) if c.masked_head else None
        )

    def features(
        self,
        tokens: NDArray,
        *,
        key: int | None = None,
        key_mask: NDArray | None = None,
        token_types: NDArray | None = None,
    ) -> tuple[NDArray, Saved]:
        """Tokens (B, T) of int -> the last block's output (B, T, C).

        Parameters
        ----------
        key : int, optional
            Turns dropout on, with masks drawn from this key.
        key_mask : ndarray (B, T) of bool, optional
            False for padding, which no position may attend to.
        token_types : ndarray (B, T) of int, optional
            The segment of each token; 0 if not given.

        Raises
        ------
        MinilmError
            If the positions do not fit `block_size`, or an id its table.
        """
        self._check(tokens)
        x, s_token = self.token_embedding.forward(tokens)
        s_position = s_type = None
        if self.position_embedding:
            p, s_position = self.position_embedding.forward(self._positions(tokens))
            x = x + p
        if self.type_embedding:
            t, s_type = self.type_embedding.forward(self._types(tokens, token_types))
            x = x + t
        self.tap(embedding=x)
        x, s_norm = self.embedding_norm.forward(x)
        x, s_dropout = self.dropout.forward(x, key)
        s_blocks = []
        for block in self.blocks:
            x, s_block = block.forward(x, key=key, key_mask=key_mask)
            s_blocks.append(s_block)
        return x, Saved(s_token, s_position, s_type, s_norm, s_dropout, s_blocks)

    def features_backward(self, dx: NDArray, saved: Saved) -> None:
        """dx (B, T, C): adds into the gradients of all parameters below the heads."""
        for block, s_block in zip(reversed(self.blocks), reversed(saved.blocks), strict=True):
            dx = block.backward(dx, s_block)
        dx = self.dropout.backward(dx, saved.dropout)
        dx = self.embedding_norm.backward(dx, saved.embedding_norm)
        self.tap_gradients(embedding=dx)
        if self.type_embedding:
            self.type_embedding.backward(dx, saved.type_embedding)
        if self.position_embedding:
            self.position_embedding.backward(dx, saved.position_embedding)
        self.token_embedding.backward(dx, saved.token_embedding)

    def _positions(self, tokens: NDArray) -> NDArray:
        """Rows of the position table (B, T)."""
        padding = self.config.padding_id
        if padding < 0:
            return np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
        real = tokens != padding
        return np.where(real, np.cumsum(real, axis=1), 0) + padding

    def _types(self, tokens: NDArray, token_types: NDArray | None) -> NDArray:
        if token_types is None:
            return np.zeros_like(tokens)
        if not 0 <= np.min(token_types) <= np.max(token_types) < self.config.n_token_type:
            raise MinilmError(
                f"token types from {np.min(token_types)} to {np.max(token_types)} do not fit "
                f"model.n_token_type = {self.config.n_token_type}"
            )
        return token_types
