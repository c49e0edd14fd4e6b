"""The configuration of a GPT, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass

from minilm.errors import MinilmError, did_you_mean
from minilm.nn.mlp import ACTIVATIONS

__all__ = ["GPTConfig"]

CHOICES = {
    "position": ("learned", "rope"),
    "norm": ("layer_norm", "rms_norm"),
    "activation": ACTIVATIONS,
}


@dataclass(frozen=True)
class GPTConfig:
    """A decoder-only transformer. The defaults are GPT-2's choices.

    Attributes
    ----------
    vocab_size : int
        V. 0 in a recipe means: as many as the tokenizer has.
    block_size : int
        T, the longest context in tokens.
    n_layer, n_head, n_embd : int
        L, H and C; C is a multiple of H.
    n_kv_head : int
        K, a divisor of H; 0 means H (Ainslie et al., 2023).
    n_hidden : int
        F; 0 means 4C, or for SwiGLU 8C/3 rounded up to a multiple of 8, which costs the same.
    position : "learned" or "rope"
    norm : "layer_norm" or "rms_norm"
    activation : "gelu" (tanh), "gelu_exact", "swiglu" or "squared_relu"
    bias : bool
        Biases in linear maps and LayerNorm.
    qk_norm : bool
        RMSNorm on each head's query and key.
    tied_head : bool
        The output head is the token embedding's table.
    dropout : float
        Of the embeddings, the attention weights and each branch's output.

    Raises
    ------
    MinilmError
        Naming the key, when a size is impossible.

    Examples
    --------
    >>> GPTConfig(vocab_size=65, block_size=64, n_layer=4, n_head=4, n_embd=128).head_size
    32
    """

    vocab_size: int = 0
    block_size: int = 128
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    n_kv_head: int = 0
    n_hidden: int = 0
    position: str = "learned"
    norm: str = "layer_norm"
    activation: str = "gelu"
    bias: bool = True
    qk_norm: bool = False
    tied_head: bool = True
    dropout: float = 0.0
    rope_base: float = 10000.0
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        for key in ("block_size", "n_layer", "n_head", "n_embd"):
            if getattr(self, key) < 1:
                raise MinilmError(f"model.{key} = {getattr(self, key)}: must be at least 1")
        for key in ("vocab_size", "n_kv_head", "n_hidden"):
            if getattr(self, key) < 0:
                raise MinilmError(f"model.{key} = {getattr(self, key)}: must not be negative")
        for key, choices in CHOICES.items():
            value = getattr(self, key)
            if value not in choices:
                raise MinilmError(f"model.{key} = {value!r}{did_you_mean(value, choices)}")
        if self.n_embd % self.n_head:
            raise MinilmError(
                f"model.n_embd = {self.n_embd} is not a multiple of model.n_head = {self.n_head}"
            )
        if self.n_kv_head and self.n_head % self.n_kv_head:
            raise MinilmError(
                f"model.n_head = {self.n_head} is not a multiple of "
                f"model.n_kv_head = {self.n_kv_head}"
            )
        if self.position == "rope" and self.head_size % 2:
            raise MinilmError(
                f"model.position = 'rope' turns pairs of channels: n_embd / n_head = "
                f"{self.head_size} must be even"
            )
        if not 0 <= self.dropout < 1:
            raise MinilmError(f"model.dropout = {self.dropout}: must be in [0, 1)")
        for key in ("rope_base", "norm_eps"):
            if not 0 < getattr(self, key) <= 1e30:
                raise MinilmError(f"model.{key} = {getattr(self, key)}: must be in (0, 1e30]")

    @property
    def head_size(self) -> int:
        """D."""
        return self.n_embd // self.n_head

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

    # The costs stand in `minilm.models.costs`, which asks the wiring what it declares and
    # so cannot be imported before this class exists.

    def n_parameters(self) -> int:
        """Entries in all parameters; tied weights count once."""
        from minilm.models import costs

        return costs.n_parameters(self)

    def flops_per_token(self, context: int | None = None) -> float:
        """Floating-point operations of one training step per token (three forwards)."""
        from minilm.models import costs

        return 3 * costs.forward_flops_per_token(self, context)

    def activation_bytes(self, batch_size: int) -> int:
        """Bytes that a float32 forward pass keeps for backward, at full context."""
        from minilm.models import costs

        return costs.activation_bytes(self, batch_size)

    def cache_bytes_per_token(self) -> int:
        """Bytes of float32 keys and values that generation keeps per position."""
        from minilm.models import costs

        return costs.cache_bytes_per_token(self)
