"""The configuration of a BERT, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from minilm.errors import MinilmError, did_you_mean
from minilm.models.model_config import ModelConfig
from minilm.nn.activation import ACTIVATIONS
from minilm.nn.rotary import Rotary

__all__ = ["BERTConfig"]

CHOICES = {
    "architecture": ("bert",),
    "position": ("learned", "rope"),
    "activation": tuple(kind for kind in ACTIVATIONS if kind != "swiglu"),
}


@dataclass(frozen=True)
class BERTConfig(ModelConfig):
    """A bidirectional encoder. The defaults are BERT-base's choices but for its size.

    Attributes
    ----------
    architecture : "bert"
    vocab_size : int
        V. 0 in a recipe means: as many as the tokenizer has.
    block_size : int
        T, the longest sequence in tokens.
    n_layer, n_head, n_embd : int
        L, H and C; C is a multiple of H.
    n_hidden : int
        F; 0 means 4C.
    position : "learned" or "rope"
        A table of vectors, as in BERT; or queries and keys that turn, as in ModernBERT.
    activation : "gelu_exact", "gelu" (tanh) or "squared_relu"
    n_token_type : int
        Kinds of segments, each with a vector of its own; 0 for none.
    padding_id : int
        -1: positions count 0, 1, 2, ... Else, as in RoBERTa, they count from
        padding_id + 1 and leave out tokens of this id, which all stand at padding_id.
    pooler : bool
        A dense layer with tanh on the first position, for tasks on whole sequences.
    masked_head : bool
        The head that predicts masked tokens; without it there are features only.
    dropout : float
        Of the embeddings, the attention weights and each branch's output.
    norm_eps : float

    Raises
    ------
    MinilmError
        Naming the key, when a size is impossible.
    """

    causal: ClassVar[bool] = False
    norm: ClassVar[str] = "layer_norm"
    qk_norm: ClassVar[bool] = False
    block: ClassVar[str] = "post_norm"
    tied_head: ClassVar[bool] = True

    architecture: str = field(default="bert", kw_only=True)
    vocab_size: int = 0
    block_size: int = 128
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    n_hidden: int = 0
    position: str = "learned"
    activation: str = "gelu_exact"
    n_token_type: int = 2
    padding_id: int = -1
    pooler: bool = False
    masked_head: bool = True
    dropout: float = 0.0
    norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        for key, choices in CHOICES.items():
            value = getattr(self, key)
            if value not in choices:
                raise MinilmError(f"model.{key} = {value!r}{did_you_mean(value, choices)}")
        self._check_sizes("block_size", "n_layer", "n_head", "n_embd", least=1)
        self._check_sizes("vocab_size", "n_hidden", "n_token_type", least=0)
        self._check_heads()
        self._check_dropout()
        self._check_positive("norm_eps")
        if self.padding_id < -1:
            raise MinilmError(f"model.padding_id = {self.padding_id}: must be an id, or -1")
        if self.position == "rope" and self.head_size % 2:
            raise MinilmError(
                f"model.position = 'rope' turns pairs of channels: the head size "
                f"{self.head_size} must be even"
            )

    @property
    def rotary(self) -> Rotary | None:
        """The rotation of queries and keys; None with learned positions."""
        return Rotary(self.head_size) if self.position == "rope" else None

    @property
    def kv_heads(self) -> int:
        """K: each head has keys and values of its own."""
        return self.n_head

    @property
    def head_size(self) -> int:
        """D."""
        return self.n_embd // self.n_head

    @property
    def hidden_size(self) -> int:
        """F, resolved."""
        return self.n_hidden or 4 * self.n_embd
