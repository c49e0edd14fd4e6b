"""How well a model that sees both sides fills the gaps of a text, each figure with its error.

    loss        nats per hidden token     sum of nll / gaps
    perplexity  tokens                    e^loss
    top1, top5  from 0 to 1               share of gaps whose token was among the first 1, 5 guesses

What was drawn independently is the document, so the errors are by it
(`minilm.evaluation.statistics`). N-gram models that see both sides are scored on the same gaps,
and the difference to them has an error of its own: a gap that is hard for both does not blur it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm.evaluation.bidirectional_ngram import IGNORED, Score
from minilm.evaluation.scoring import Progress, TokenScores, token_scores
from minilm.evaluation.statistics import Estimate, ratio
from minilm.models.model import Model

__all__ = ["GapMetrics", "GapNgram", "documents_of", "gap_metrics", "gap_ngram", "score_gaps"]

Batches = Sequence[tuple[NDArray, NDArray]]


@dataclass(frozen=True)
class GapMetrics:
    """The figures of a model; units in the docstring of the module."""

    documents: int
    gaps: int
    loss: Estimate
    perplexity: Estimate
    top1: Estimate
    top5: Estimate


@dataclass(frozen=True)
class GapNgram:
    """The best n-gram models on the same gaps, one by each measure.

    Attributes
    ----------
    name : str
        Of the one that is right most often.
    loss, top1 : Estimate
        The lowest loss of any, and the highest share of right ones.
    margin : Estimate
        Nats per hidden token by which the model is better.
    top1_margin : Estimate
        Share of the gaps by which it is right more often.
    """

    name: str
    loss: Estimate
    top1: Estimate
    margin: Estimate
    top1_margin: Estimate


def score_gaps(model: Model, batches: Batches, progress: Progress | None = None) -> TokenScores:
    """What the model gives the hidden tokens of batches (inputs, targets), in order."""
    found = []
    for i, (inputs, targets) in enumerate(batches):
        x = model.features(inputs)[0]
        hidden = targets != IGNORED
        found.append(
            token_scores(model.head, x[hidden], targets[hidden], vocab_size=model.config.vocab_size)
        )
        if progress:
            progress((i + 1) / len(batches))
    return TokenScores(*map(np.concatenate, zip(*found, strict=True)))


def documents_of(batches: Batches, ids: NDArray, end: int | None) -> NDArray[np.int64]:
    """The document of each gap (M,), where batches cut `ids` (N,) into windows in a row.

    Examples
    --------
    >>> ids = np.array([5, 6, 0, 7, 8, 0])
    >>> targets = np.array([[IGNORED, 6, IGNORED], [7, 8, IGNORED]])
    >>> documents_of([(ids.reshape(2, 3), targets)], ids, end=0).tolist()
    [0, 1, 1]
    """
    hidden = np.concatenate([targets.reshape(-1) for _, targets in batches]) != IGNORED
    ends = np.zeros(len(ids), np.int64) if end is None else (np.asarray(ids) == end).astype(int)
    found: NDArray[np.int64] = (np.cumsum(ends) - ends)[hidden]
    return found


def _by_document(values: NDArray, documents: NDArray) -> Estimate:
    """The mean over gaps, with its error by document."""
    _, which = np.unique(documents, return_inverse=True)
    return ratio(np.bincount(which, values), np.bincount(which))


def gap_metrics(scores: TokenScores, documents: NDArray) -> GapMetrics:
    """The figures from the scores of the gaps and the document of each.

    Examples
    --------
    >>> scores = TokenScores(np.log([2.0, 8.0]), np.array([0, 5]), np.ones(2))
    >>> found = gap_metrics(scores, np.array([0, 1]))
    >>> round(found.perplexity.value, 6), found.top1, found.top5.value
    (4.0, Estimate(value=0.5, error=0.5), 0.5)
    """
    loss = _by_document(scores.nll, documents)
    return GapMetrics(
        documents=len(np.unique(documents)),
        gaps=len(scores.nll),
        loss=loss,
        perplexity=loss.exp(),
        top1=_by_document(scores.rank < 1, documents),
        top5=_by_document(scores.rank < 5, documents),
    )


def gap_ngram(counted: Sequence[Score], scores: TokenScores, documents: NDArray) -> GapNgram:
    """The best of the n-gram models on the gaps that `scores` are of."""
    right = max(counted, key=lambda score: score.accuracy)
    sure = min(counted, key=lambda score: score.loss)
    return GapNgram(
        name=right.name,
        loss=_by_document(sure.nll, documents),
        top1=_by_document(right.right, documents),
        margin=_by_document(sure.nll - scores.nll, documents),
        top1_margin=_by_document((scores.rank < 1) - right.right.astype(float), documents),
    )
