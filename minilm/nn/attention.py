"""Self-attention with its projections: the layer in which positions read each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from minilm import aligned, rng
from minilm.backend import ops
from minilm.nn.dropout import Dropout
from minilm.nn.layer import Layer
from minilm.nn.linear import Linear
from minilm.nn.norm import RMSNorm
from minilm.nn.parameters import Scope
from minilm.nn.rotary import Rotary
from minilm.reference.attention import matrices, matrices_backward

__all__ = ["Attention", "AttentionOptions", "KeyValues"]


@dataclass(frozen=True)
class AttentionOptions:
    """What kind of attention.

    Attributes
    ----------
    n_head, n_kv_head, head_size : int
        H, K and D. With K < H, groups of H/K query heads share a key-value head
        (Ainslie et al., "GQA", 2023). H D need not be C.
    causal : bool
        Whether a position sees only itself and those before it.
    rotary : Rotary or None
        Rotate queries and keys by their position (Su et al., "RoFormer", 2021).
    qk_norm : bool
        RMS-normalise each head's query and key, which bounds the logits
        (Henry et al., "Query-Key Normalization", 2020).
    qkv_bias, projection_bias : bool
        Biases of the first and of the second projection.
    """

    n_head: int
    n_kv_head: int
    head_size: int
    causal: bool = True
    rotary: Rotary | None = None
    qk_norm: bool = False
    norm_eps: float = 1e-5
    qkv_bias: bool = True
    projection_bias: bool = True
    dropout: float = 0.0


class KeyValues(Protocol):
    """The keys and values of earlier positions, kept between calls when generating."""

    @property
    def start(self) -> int:
        """How many positions came before this call."""
        ...

    def append(self, k: NDArray, v: NDArray) -> tuple[NDArray, NDArray]:
        """Store k, v (B, K, T, D); return those of all positions so far, (B, K, S, D)."""
        ...


class Saved(NamedTuple):
    """One entry for each operation of forward, None where an option is off."""

    qkv: Any
    query_norm: Any
    key_norm: Any
    query_rope: Any
    key_rope: Any
    attention: Any
    projection: Any
    dropout: Any


class Attention(Layer):
    """One projection gives queries, keys and values; a second mixes the heads' answers.

    Parameters
    ----------
    n_embd : int
        C.
    residual_std : float
        Standard deviation of the initial weights that write into the residual stream.
    """

    def __init__(
        self, scope: Scope, n_embd: int, options: AttentionOptions, *, residual_std: float
    ) -> None:
        self.options = o = options
        D = o.head_size
        self.qkv = Linear(scope / "qkv", n_embd, (o.n_head + 2 * o.n_kv_head) * D, bias=o.qkv_bias)
        normed, eps = o.qk_norm, o.norm_eps
        self.query_norm = RMSNorm(scope / "query_norm", D, eps=eps) if normed else None
        self.key_norm = RMSNorm(scope / "key_norm", D, eps=eps) if normed else None
        self.projection = Linear(
            scope / "projection", o.n_head * D, n_embd, bias=o.projection_bias, std=residual_std
        )
        self.site = scope.path
        self.dropout = Dropout(options.dropout, f"{scope.path}.output")

    def _heads(self, qkv: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Views q (B, H, T, D), k and v (B, K, T, D) of qkv (B, T, (H + 2K) D)."""
        B, T, _ = qkv.shape
        H, K, D = self.options.n_head, self.options.n_kv_head, self.options.head_size
        heads = qkv.reshape(B, T, H + 2 * K, D).transpose(0, 2, 1, 3)
        return heads[:, :H], heads[:, H : H + K], heads[:, H + K :]

    def forward(
        self,
        x: NDArray,
        *,
        key: int | None = None,
        cache: KeyValues | None = None,
        key_mask: NDArray | None = None,
        first_key: NDArray | None = None,
        onto: NDArray | None = None,
    ) -> tuple[NDArray, Saved]:
        """x (B, T, C) -> y (B, T, C), added to `onto`.

        `key` turns dropout on; `cache` holds earlier positions; `key_mask` (B, S) is false
        for positions that nobody may attend to, such as padding; `first_key` (B, T) is the
        first position that each one may attend to, such as the start of its document.
        """
        o = self.options
        B, T, _ = x.shape
        s_query_norm = s_key_norm = s_query_rope = s_key_rope = None
        p = o.dropout if key is not None else 0.0
        weights_key = rng.fold(key, f"{self.site}.weights") if key is not None and p else None

        qkv, s_qkv = self.qkv.forward(x)
        q, k, v = self._heads(qkv)
        if self.query_norm and self.key_norm:
            q, s_query_norm = self.query_norm.forward(q)
            k, s_key_norm = self.key_norm.forward(k)
        if o.rotary:
            cos, sin = o.rotary.tables(cache.start if cache else 0, T, x.dtype)
            q, s_query_rope = ops.rope.forward(q, cos, sin)
            k, s_key_rope = ops.rope.forward(k, cos, sin)
        self.tap(query=q, key=k, value=v)
        if cache:
            k, v = cache.append(k, v)
        y, s_attention = ops.attention.forward(
            q,
            k,
            v,
            causal=o.causal,
            key_mask=key_mask,
            first_key=first_key,
            dropout=p,
            key=weights_key,
        )
        if self.tapped("scores") or self.tapped("weights"):
            scores, weights = matrices(s_attention)
            self.tap(scores=scores, weights=weights)
        self.tap(mixed=y)
        y = y.transpose(0, 2, 1, 3).reshape(B, T, o.n_head * o.head_size)
        y, s_projection, s_dropout = self.dropout.after(self.projection, y, key, onto)
        return y, Saved(
            s_qkv, s_query_norm, s_key_norm, s_query_rope, s_key_rope,
            s_attention, s_projection, s_dropout,
        )  # fmt: skip

    def backward(self, dy: NDArray, saved: Saved) -> NDArray:
        """dy (B, T, C) -> dx (B, T, C): the lines of forward, read upwards."""
        B, T, _ = dy.shape
        H, K, D = self.options.n_head, self.options.n_kv_head, self.options.head_size

        dy = self.dropout.backward(dy, saved.dropout)
        dy = self.projection.backward(dy, saved.projection)
        dy = dy.reshape(B, T, H, D).transpose(0, 2, 1, 3)
        self.tap_gradients(mixed=dy)
        if self.tapped("scores") or self.tapped("weights"):
            dscores, dweights = matrices_backward(dy, saved.attention)
            self.tap_gradients(weights=dweights, scores=dscores)
        dqkv = aligned.empty((B, T, (H + 2 * K) * D), dy.dtype)
        views = self._heads(dqkv)
        dq, dk, dv = ops.attention.backward(dy, saved.attention, out=views)
        self.tap_gradients(value=dv, key=dk, query=dq)
        if self.options.rotary:
            dq = ops.rope.backward(dq, saved.query_rope)
            dk = ops.rope.backward(dk, saved.key_rope)
        if self.query_norm and self.key_norm:
            dq = self.query_norm.backward(dq, saved.query_norm)
            dk = self.key_norm.backward(dk, saved.key_norm)
        if dq is not views[0]:
            views[0][...], views[1][...] = dq, dk
        return self.qkv.backward(dqkv, saved.qkv)
