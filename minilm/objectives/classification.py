"""Classification: the label that a person gave to a text, predicted from the whole of it.

    "Call a function after a given time."  ->  tkinter

Each epoch goes through all texts once, in an order of its own; a step takes the next B of
them, over the end of an epoch if need be. The loss is the cross-entropy of the labels, in
nats per text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.backend import ops
from minilm.errors import MinilmError
from minilm.evaluation.classification import macro_f1
from minilm.models.classifier import Classifier
from minilm.objectives.token_loss import loss_and_gradient

__all__ = ["Batch", "Classification", "Labelled", "padded", "probabilities"]


@dataclass(frozen=True)
class Labelled:
    """Texts as ids, and their labels as numbers from 0 to K - 1."""

    sequences: Sequence[NDArray]
    labels: NDArray

    def __post_init__(self) -> None:
        if any(len(ids) == 0 for ids in self.sequences):
            raise MinilmError("a text without tokens cannot be classified")


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes
    ----------
    tokens : ndarray (B, T) of int
    mask : ndarray (B, T) of bool
        False where a row is padded.
    labels : ndarray (B,) of int
    key : int
        Names the stream of random numbers for dropout.
    """

    tokens: NDArray
    mask: NDArray
    labels: NDArray
    key: int

    @property
    def n_targets(self) -> int:
        """How many labels are predicted."""
        return len(self.labels)

    @property
    def n_tokens(self) -> int:
        """How many tokens are read, without padding."""
        return int(self.mask.sum())

    def split(self, n: int) -> list[Batch]:
        """`n` parts of B / n texts, each with dropout of its own."""
        arrays = (np.split(x, n) for x in (self.tokens, self.mask, self.labels))
        parts = enumerate(zip(*arrays, strict=True))
        return [Batch(x, m, y, rng.fold(self.key, str(i))) for i, (x, m, y) in parts]


class Classification:
    """The objective over labelled texts.

    Parameters
    ----------
    train, validation : Labelled
    n_class : int
        K.
    batch_size : int
        B.
    seed : int
        Of the order of the texts, and of dropout.
    whole : bool
        Whether the body learns too. If not, no gradient is computed below the head.
    """

    def __init__(
        self,
        train: Labelled,
        validation: Labelled,
        *,
        n_class: int,
        batch_size: int,
        seed: int,
        whole: bool = True,
    ) -> None:
        self.train = train
        self.validation = validation
        self.n_class = n_class
        self.batch_size = batch_size
        self.seed = seed
        self.whole = whole

    def batch(self, step: int) -> Batch:
        """The batch of a step: a function of (seed, step) and nothing else."""
        n, first = len(self.train.labels), step * self.batch_size
        places = np.arange(first, first + self.batch_size)
        orders = {
            int(epoch): rng.generator(self.seed, int(epoch), "order of texts").permutation(n)
            for epoch in np.unique(places // n)
        }
        rows = [int(orders[int(place) // n][place % n]) for place in places]
        tokens, mask = padded([self.train.sequences[i] for i in rows])
        return Batch(tokens, mask, self.train.labels[rows], rng.key(self.seed, step, "dropout"))

    def loss_and_gradients(self, model: Classifier, batch: Batch, normalizer: float) -> float:
        """Forward, loss and backward; adds into the model's gradients.

        Returns the sum of the losses over `normalizer`, in nats per text.
        """
        x, saved = model.features(batch.tokens, key=batch.key, key_mask=batch.mask)
        loss, dx = loss_and_gradient(
            model.head, x, batch.labels, vocab_size=self.n_class, normalizer=normalizer
        )
        if self.whole:
            model.features_backward(dx, saved)
        return loss

    def evaluate(self, model: Classifier, *, whole: bool = True) -> dict[str, float]:
        """The validation texts, all of them, without dropout.

        Returns
        -------
        dict
            ``val_loss`` in nats per text; ``val_accuracy`` and ``val_f1`` (macro), shares.
        """
        labels = self.validation.labels
        p = probabilities(model, self.validation.sequences, batch_size=self.batch_size)
        chosen = np.maximum(p[np.arange(len(labels)), labels], np.finfo(p.dtype).tiny)
        predicted = p.argmax(axis=1)
        return {
            "val_loss": float(-np.log(chosen).mean(dtype=np.float64)),
            "val_accuracy": float((predicted == labels).mean()),
            "val_f1": macro_f1(labels, predicted, self.n_class),
        }


def padded(sequences: Sequence[NDArray]) -> tuple[NDArray, NDArray]:
    """Sequences as rows (B, T) of the longest's length, and where they have tokens.

    Examples
    --------
    >>> tokens, mask = padded([np.array([5, 6]), np.array([7])])
    >>> tokens.tolist(), mask.tolist()
    ([[5, 6], [7, 0]], [[True, True], [True, False]])
    """
    longest = max(len(ids) for ids in sequences)
    tokens = np.zeros((len(sequences), longest), np.int64)
    mask = np.zeros((len(sequences), longest), bool)
    for row, ids in enumerate(sequences):
        tokens[row, : len(ids)] = ids
        mask[row, : len(ids)] = True
    return tokens, mask


def probabilities(
    model: Classifier, sequences: Sequence[NDArray], *, batch_size: int = 32
) -> NDArray:
    """The probability (N, K) of each class for each text; texts of like length run together."""
    found = np.zeros((len(sequences), model.config.n_class), model.parameters.values.dtype)
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        tokens, mask = padded([sequences[i] for i in rows])
        logits = model.forward(tokens, key_mask=mask)[0]
        found[rows], _ = ops.softmax.forward(logits)
    return found
