"""The configuration of a GPT, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from minilm.errors import MinilmError, did_you_mean
from minilm.models.model_config import ModelConfig
from minilm.nn.activation import ACTIVATIONS
from minilm.nn.rope_scaling import RopeScaling
from minilm.nn.rotary import Rotary

__all__ = ["GPTConfig"]

CHOICES = {
    "architecture": ("gpt",),
    "position": ("learned", "rope"),
    "norm": ("layer_norm", "rms_norm"),
    "activation": ACTIVATIONS,
    "block": ("pre_norm", "parallel"),
    "attention_bias": ("same", "none", "qkv", "all"),
}


@dataclass(frozen=True)
class GPTConfig(ModelConfig):
    """A decoder-only transformer. The defaults are GPT-2's choices.

    Attributes
    ----------
    architecture : "gpt"
    vocab_size : int
        V. 0 in a recipe means: as many as the tokenizer has.
    block_size : int
        T, the longest context in tokens.
    n_layer, n_head, n_embd : int
        L, H and C; C is a multiple of H unless `head_dim` is given.
    n_kv_head : int
        K, a divisor of H; 0 means H (Ainslie et al., 2023).
    n_hidden : int
        F; 0 means 4C, or for SwiGLU 8C/3 rounded up to a multiple of 8, which costs the same.
    head_dim : int
        D; 0 means C / H.
    position : "learned" or "rope"
    norm : "layer_norm" or "rms_norm"
    activation : "gelu" (tanh), "gelu_exact", "swiglu" or "squared_relu"
    block : "pre_norm" or "parallel"
        See `minilm.nn.block`.
    bias : bool
        Biases in linear maps and LayerNorm.
    attention_bias : "same", "none", "qkv" or "all"
        Biases of attention's linear maps: the same as `bias`, or not, or of the first
        (queries, keys and values) only, or of both.
    qk_norm : bool
        RMSNorm on each head's query and key.
    tied_head : bool
        The output head is the token embedding's table.
    dropout : float
        Of the embeddings, the attention weights and each branch's output.
    rope_share : float
        Share of each head's channels that turn (partial rotary).
    rope_scaling : RopeScaling
        For contexts longer than the model was first trained on.

    Raises
    ------
    MinilmError
        Naming the key, when a size is impossible.

    Examples
    --------
    >>> GPTConfig(vocab_size=65, block_size=64, n_layer=4, n_head=4, n_embd=128).head_size
    32
    """

    causal: ClassVar[bool] = True

    architecture: str = field(default="gpt", kw_only=True)
    vocab_size: int = 0
    block_size: int = 128
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    n_kv_head: int = 0
    n_hidden: int = 0
    head_dim: int = 0
    position: str = "learned"
    norm: str = "layer_norm"
    activation: str = "gelu"
    block: str = "pre_norm"
    bias: bool = True
    attention_bias: str = "same"
    qk_norm: bool = False
    tied_head: bool = True
    dropout: float = 0.0
    rope_base: float = 10000.0
    rope_share: float = 1.0
    norm_eps: float = 1e-5
    rope_scaling: RopeScaling = field(default_factory=RopeScaling)

    def __post_init__(self) -> None:
        for key, choices in CHOICES.items():
            value = getattr(self, key)
            if value not in choices:
                raise MinilmError(f"model.{key} = {value!r}{did_you_mean(value, choices)}")
        self._check_sizes("block_size", "n_layer", "n_head", "n_embd", least=1)
        self._check_sizes("vocab_size", "n_kv_head", "n_hidden", "head_dim", least=0)
        self._check_heads()
        self._check_dropout()
        self._check_positive("rope_base", "norm_eps")
        if self.n_kv_head and self.n_head % self.n_kv_head:
            raise MinilmError(
                f"model.n_head = {self.n_head} is not a multiple of "
                f"model.n_kv_head = {self.n_kv_head}"
            )
        if self.position == "rope":
            self._check_rope()

    def _check_rope(self) -> None:
        if not 0 < self.rope_share <= 1:
            raise MinilmError(f"model.rope_share = {self.rope_share}: must be in (0, 1]")
        n_channel = self._rotary_channels()
        if n_channel % 2 or not n_channel:
            share = "" if self.rope_share == 1 else f" times rope_share {self.rope_share}"
            raise MinilmError(
                f"model.position = 'rope' turns pairs of channels: the head size "
                f"{self.head_size}{share} must be even"
            )
        self.rope_scaling.check(n_channel, self.block_size)

    def _rotary_channels(self) -> int:
        return int(self.head_size * self.rope_share)

    @property
    def rotary(self) -> Rotary | None:
        """The rotation of queries and keys; None with learned positions."""
        if self.position != "rope":
            return None
        return Rotary(self._rotary_channels(), self.rope_base, self.rope_scaling)

    @property
    def head_size(self) -> int:
        """D, resolved."""
        return self.head_dim or self.n_embd // self.n_head

    @property
    def grouped(self) -> bool:
        """Whether several query heads share a key-value head."""
        return self.kv_heads != self.n_head

    @property
    def wide(self) -> bool:
        """Whether the heads together have another size than the embedding."""
        return self.head_size * self.n_head != self.n_embd

    @property
    def even_attention_bias(self) -> bool:
        """Whether both of attention's linear maps have biases, or neither."""
        return self.qkv_bias == self.projection_bias

    @property
    def qkv_bias(self) -> bool:
        """Whether queries, keys and values have biases."""
        return self.bias if self.attention_bias == "same" else self.attention_bias != "none"

    @property
    def projection_bias(self) -> bool:
        """Whether attention's second linear map has a bias."""
        return self.bias if self.attention_bias == "same" else self.attention_bias == "all"

    @property
    def kv_heads(self) -> int:
        """K, resolved."""
        return self.n_kv_head or self.n_head

    @property
    def hidden_size(self) -> int:
        """F, resolved."""
        if self.n_hidden:
            return self.n_hidden
        if self.activation == "swiglu":
            return -(-8 * self.n_embd // 3 // 8) * 8
        return 4 * self.n_embd
