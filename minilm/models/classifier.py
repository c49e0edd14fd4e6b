"""A pretrained model with a head that tells classes of texts apart.

    tokens (B, T) -> body -> (B, T, C) -> pooling -> (B, C) -> dropout -> linear -> (B, K)

The body's parameters keep their names, so that those of a pretrained run fit as they are; the
head's are ``classifier.weight`` and ``classifier.bias``.

Pooling makes one vector of a text's positions:

    mean    over all that are no padding
    first   the first position: [CLS] in a BERT that was trained to sum up there
    last    the last that is no padding: the only one of a decoder that has read all

The mean is the choice for small models and few labels. A first position sums up a text only
if pretraining asked it to, which masked tokens alone do not; a decoder's last position was
trained to guess one token, and says most about the last few. The mean draws on every position,
and averages away what is peculiar to each.

Shape letters: K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError, did_you_mean
from minilm.models.architectures import MODELS
from minilm.models.model import Model
from minilm.models.model_config import ModelConfig
from minilm.nn.dropout import Dropout
from minilm.nn.layer import Layer
from minilm.nn.linear import Linear
from minilm.nn.parameters import Scope

__all__ = ["POOLINGS", "Classifier", "ClassifierConfig", "Pooling", "headless"]

POOLINGS = ("mean", "first", "last")


@dataclass(frozen=True)
class ClassifierConfig:
    """What a classifier is made of.

    Attributes
    ----------
    body : ModelConfig
    n_class : int
        K, at least 2.
    pooling : "mean", "first" or "last"
    dropout : float
        Of the pooled vector.

    Raises
    ------
    MinilmError
        If the numbers make no sense, or the first position is asked of a decoder, where it
        has read nothing but itself.
    """

    body: ModelConfig
    n_class: int
    pooling: str = "mean"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise MinilmError(
                f"objective.pooling = {self.pooling!r}{did_you_mean(self.pooling, POOLINGS)}"
            )
        if self.pooling == "first" and self.body.causal:
            raise MinilmError(
                'objective.pooling = "first": the first position of a decoder has read only '
                'itself; choose "mean" or "last"'
            )
        if self.n_class < 2:
            raise MinilmError(f"{self.n_class} classes: there is nothing to tell apart")
        if not 0 <= self.dropout < 1:
            raise MinilmError(f"objective.dropout = {self.dropout}: must be in [0, 1)")

    @property
    def vocab_size(self) -> int:
        """V, the body's."""
        return int(self.body.vocab_size)

    @property
    def block_size(self) -> int:
        """T, the body's."""
        return int(self.body.block_size)


def headless(config: ModelConfig) -> ModelConfig:
    """The configuration without the heads of pretraining, whose parameters would lie idle.

    Examples
    --------
    >>> from minilm.models.bert_config import BERTConfig
    >>> headless(BERTConfig(pooler=True)).masked_head
    False
    """
    if config.architecture == "bert":
        return config.changed(masked_head=False, pooler=False)
    return config.changed(tied_head=True)


class Pooling(Layer):
    """One vector for the positions of each sequence; it has no parameters."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def forward(self, x: NDArray, mask: NDArray) -> tuple[NDArray, NDArray]:
        """x (B, T, C), mask (B, T), True where a token is -> (B, C), and each one's weight (B, T).

        A sequence without a token gives zeros.
        """
        n = mask.sum(axis=1)
        if self.kind == "mean":
            weights = mask / np.maximum(1, n)[:, None]
        else:
            at = 0 if self.kind == "first" else np.maximum(n - 1, 0)
            weights = (np.arange(mask.shape[1]) == np.reshape(at, (-1, 1))) & mask
        weights = weights.astype(x.dtype)
        return np.matmul(weights[:, None, :], x)[:, 0], weights

    def backward(self, dy: NDArray, weights: NDArray) -> NDArray:
        """dy (B, C) -> dx (B, T, C)."""
        return weights[:, :, None] * dy[:, None, :]


class Saved(NamedTuple):
    """What each layer saved, in order of computation."""

    body: Any
    pooling: Any
    dropout: Any


class Classifier(Model):
    """Tokens in, a distribution over classes out.

    Parameters
    ----------
    config : ClassifierConfig
    dtype, seed
        Those of `Model`.

    Examples
    --------
    >>> from minilm.models.bert_config import BERTConfig
    >>> body = BERTConfig(vocab_size=7, block_size=8, n_layer=1, n_head=2, n_embd=4)
    >>> model = Classifier(ClassifierConfig(headless(body), n_class=3))
    >>> logits, saved = model.forward(np.array([[1, 2, 0]]), key_mask=np.array([[1, 1, 0]], bool))
    >>> logits.shape
    (1, 3)
    """

    def wire(self, config: ClassifierConfig, scope: Scope) -> None:
        """Make the layers, which declare their parameters under `scope`."""
        c = config
        # Not under a name of its own: the pretrained run's names are to fit.
        self.body = MODELS[c.body.architecture].part(c.body, scope)
        self.pooling = Pooling(c.pooling)
        self.dropout = Dropout(c.dropout, "classifier")
        self.head = Linear(scope / "classifier", c.body.n_embd, c.n_class)

    def features(
        self, tokens: NDArray, *, key: int | None = None, key_mask: NDArray | None = None
    ) -> tuple[NDArray, Saved]:
        """Tokens (B, T) of int -> one vector a sequence (B, C).

        Parameters
        ----------
        key : int, optional
            Turns dropout on, with masks drawn from this key.
        key_mask : ndarray (B, T) of bool, optional
            False for padding, which must stand at the end.
        """
        mask = np.ones(tokens.shape, bool) if key_mask is None else key_mask
        x, s_body = self.body.features(tokens, key=key, key_mask=key_mask)
        x, s_pooling = self.pooling.forward(x, mask)
        x, s_dropout = self.dropout.forward(x, key)
        return x, Saved(s_body, s_pooling, s_dropout)

    def features_backward(self, dx: NDArray, saved: Saved) -> None:
        """dx (B, C): adds into the gradients of all parameters below the head."""
        dx = self.dropout.backward(dx, saved.dropout)
        dx = self.pooling.backward(dx, saved.pooling)
        self.body.features_backward(dx, saved.body)
