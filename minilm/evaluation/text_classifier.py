"""A fine-tuned model with its tokenizer and labels: texts in, labels with probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.evaluation.encoder import Encoder
from minilm.models.classifier import Classifier
from minilm.objectives.classification import probabilities
from minilm.tokenizers import Tokenizer

__all__ = ["Prediction", "TextClassifier", "encoded"]


class Prediction(NamedTuple):
    """What a classifier says of a text.

    Attributes
    ----------
    label : str
        The likeliest.
    probability : float
    all : dict of str to float
        The probability of each label, the likeliest first.
    """

    label: str
    probability: float
    all: dict[str, float]


class TextClassifier:
    """What `minilm.load_classifier` returns.

    Attributes
    ----------
    model : Classifier
    tokenizer : Tokenizer
    labels : tuple of str
    step : int
        Of the checkpoint.
    notes : list of str
        Remarks on the last call of `predict`, such as texts that were cut.
    """

    def __init__(
        self, model: Classifier, tokenizer: Tokenizer, labels: Sequence[str], step: int = 0
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.labels = tuple(labels)
        self.step = step
        self.notes: list[str] = []

    def predict(self, texts: Sequence[str], *, batch_size: int = 32) -> list[Prediction]:
        """The labels of N texts.

        A text longer than the model's context counts with its beginning only.

        Raises
        ------
        MinilmError
            If a text is empty, or has a character that the tokenizer lacks.
        """
        block_size = self.model.config.block_size
        places = [f"text {i}" for i in range(1, len(texts) + 1)]
        sequences, n_cut = encoded(self.tokenizer, texts, block_size, places)
        self.notes = [cut_note(n_cut, len(texts), block_size)] if n_cut else []
        found = probabilities(self.model, sequences, batch_size=batch_size)
        return [self._prediction(row) for row in found]

    def _prediction(self, row: NDArray) -> Prediction:
        ranked = {self.labels[i]: float(row[i]) for i in (-row).argsort(kind="stable")}
        label, probability = next(iter(ranked.items()))
        return Prediction(label, probability, ranked)


def encoded(
    tokenizer: Tokenizer, texts: Sequence[str], block_size: int, places: Sequence[str]
) -> tuple[list[NDArray], int]:
    """The ids of each text, cut to the context, and how many were cut.

    Raises
    ------
    MinilmError
        Naming the place of a text that is empty or cannot be encoded.
    """
    sequences, n_cut = [], 0
    for text, place in zip(texts, places, strict=True):
        if not text.strip():
            raise MinilmError(f"{place} is empty; give a text to classify")
        try:
            ids = tokenizer.encode_whole(text)
        except MinilmError as error:
            raise MinilmError(f"{place}: {error}") from None
        n_cut += len(ids) > block_size
        sequences.append(Encoder._cut(ids, block_size))
    return sequences, n_cut


def cut_note(n_cut: int, n: int, block_size: int) -> str:
    """The remark about texts that are longer than the context.

    Examples
    --------
    >>> cut_note(2, 10, 128)
    '2 of 10 texts are longer than the context of 128 tokens: only their beginnings count'
    """
    return (
        f"{n_cut} of {n} texts are longer than the context of {block_size} tokens: "
        "only their beginnings count"
    )
