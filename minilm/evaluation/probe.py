"""What the layers of a model know: labels found from its vectors, layer by layer.

For each layer two figures on texts of documents that took no part: the accuracy of a linear
probe (`minilm.evaluation.logistic`) and of k nearest neighbours
(`minilm.evaluation.neighbours`). Beside them stand three that need no training of the model:

    most common label   what always saying the same would reach
    token counts        the same probe on how often each token occurs in a text
    untrained           the same probe on the same model before its first step

What a layer reaches beyond these is what pretraining has put there.

Source: Alain and Bengio, "Understanding intermediate layers using linear classifier probes"
(2016); Hewitt and Liang, "Designing and Interpreting Probes with Control Tasks" (2019), on
why a probe alone says little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm.evaluation import logistic, neighbours
from minilm.evaluation.labelled import Example
from minilm.evaluation.layers import layer_vectors
from minilm.evaluation.scoring import Progress
from minilm.evaluation.statistics import Estimate, by_group
from minilm.models.model import Model
from minilm.tokenizers import Tokenizer

__all__ = ["LayerResult", "ProbeResult", "probe"]


@dataclass(frozen=True)
class LayerResult:
    """Accuracy from the vectors of one layer, from 0 to 1; errors by document.

    Attributes
    ----------
    layer : str
    linear, neighbours : Estimate
    untrained : Estimate or None
        Of the linear probe on this layer of the untrained model.
    """

    layer: str
    linear: Estimate
    neighbours: Estimate
    untrained: Estimate | None


@dataclass(frozen=True)
class ProbeResult:
    """A table by layer, and what it is to be compared with."""

    labels: tuple[str, ...]
    training: int
    test: int
    test_documents: int
    most_common: Estimate
    token_counts: Estimate
    layers: tuple[LayerResult, ...]


class _Task:
    """Labels as numbers, and the judgement of guesses."""

    def __init__(self, training: Sequence[Example], test: Sequence[Example]) -> None:
        self.names = tuple(sorted({example.label for example in (*training, *test)}))
        numbers = {name: i for i, name in enumerate(self.names)}
        self.labels = np.array([numbers[example.label] for example in training])
        self.truth = np.array([numbers[example.label] for example in test])
        self.documents = [example.document for example in test]

    def judge(self, guesses: NDArray) -> Estimate:
        return by_group(guesses == self.truth, self.documents)

    def linear(self, x: NDArray) -> Estimate:
        """Learn from the first rows of x, those of training; judge on the rest."""
        n = len(self.labels)
        return self.judge(logistic.fit(x[:n], self.labels, len(self.names)).predict(x[n:]))

    def neighbours(self, x: NDArray) -> Estimate:
        n = len(self.labels)
        return self.judge(neighbours.predict(x[:n], self.labels, x[n:], len(self.names)))


def probe(
    model: Model,
    tokenizer: Tokenizer,
    training: Sequence[Example],
    test: Sequence[Example],
    *,
    untrained: Model | None = None,
    progress: Progress | None = None,
) -> ProbeResult:
    """Probe every layer of a model.

    Parameters
    ----------
    training, test : sequence of Example
        With different documents, as `minilm.evaluation.labelled.split` makes them.
    untrained : Model, optional
        The same architecture with its initial parameters.

    Raises
    ------
    MinilmError
        If a text has a character that the tokenizer lacks.
    """
    task = _Task(training, test)
    # Special tokens around a text stay, where there are any: the model expects them.
    ids = [tokenizer.encode_whole(example.text).astype(np.int64) for example in (*training, *test)]
    parts = 1 if untrained is None else 2
    vectors = layer_vectors(model, ids, progress=_share(progress, 0, parts))
    before: dict[str, NDArray] = {}
    if untrained is not None:
        before = layer_vectors(untrained, ids, progress=_share(progress, 1, parts))
    common = np.full(len(task.truth), np.bincount(task.labels).argmax())
    return ProbeResult(
        labels=task.names,
        training=len(training),
        test=len(test),
        test_documents=len(set(task.documents)),
        most_common=task.judge(common),
        token_counts=task.linear(_counts(ids)),
        layers=tuple(
            LayerResult(
                name,
                task.linear(x),
                task.neighbours(x),
                task.linear(before[name]) if name in before else None,
            )
            for name, x in vectors.items()
        ),
    )


def _share(progress: Progress | None, part: int, parts: int) -> Progress | None:
    """The progress of one part as that of the whole."""
    return None if progress is None else lambda done: progress((part + done) / parts)


def _counts(ids: Sequence[NDArray]) -> NDArray:
    """Logarithms of 1 + how often each token that occurs at all occurs in each text."""
    used, places = np.unique(np.concatenate(ids), return_inverse=True)
    rows = np.repeat(np.arange(len(ids)), [len(one) for one in ids])
    counts = np.zeros((len(ids), len(used)))
    np.add.at(counts, (rows, places), 1)
    return np.log1p(counts)
