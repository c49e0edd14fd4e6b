"""From the scores of single tokens to the figures of a text, each with its standard error.

    loss           nats per token         sum of nll / tokens
    perplexity     tokens                 e^loss: as unsure as among so many equally likely
    bits_per_byte  bits per byte of UTF-8 sum of nll / ln 2 / bytes
    top1, top5     from 0 to 1            share of tokens that were the first guess, the first five

Only bits per byte compare models of different tokenizers, since all else is by token.
A token that stands for no text, the end of a document, costs nats and brings no bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.evaluation.ngram import WittenBell
from minilm.evaluation.scoring import Request, TokenScores
from minilm.evaluation.statistics import Estimate, ratio

__all__ = ["NgramMetrics", "TextMetrics", "ngram_metrics", "sizes", "text_metrics"]

NATS_PER_BIT = math.log(2)


class Sizes(NamedTuple):
    """Of each document, what was scored: (n,) tokens, and (n,) bytes that they stand for."""

    tokens: NDArray[np.int64]
    bytes: NDArray[np.int64]


@dataclass(frozen=True)
class TextMetrics:
    """How well a model predicts a text; units in the docstring of the module."""

    documents: int
    tokens: int
    bytes: int
    loss: Estimate
    perplexity: Estimate
    bits_per_byte: Estimate
    top1: Estimate
    top5: Estimate


@dataclass(frozen=True)
class NgramMetrics:
    """How well the best n-gram model predicts the same tokens.

    Attributes
    ----------
    order : int
        The one with the lowest loss on this text.
    margin : Estimate
        Bits per byte by which the model is better than it. The error is that of the
        difference, document by document: what makes a document hard for both cancels out.
    """

    order: int
    loss: Estimate
    bits_per_byte: Estimate
    margin: Estimate


def sizes(requests: Sequence[Request], bytes_per_id: NDArray) -> Sizes:
    """What is scored of each document."""
    scored = [request.ids[request.first + 1 :] for request in requests]
    tokens = np.array([len(ids) for ids in scored], np.int64)
    return Sizes(tokens, np.array([int(bytes_per_id[ids].sum()) for ids in scored], np.int64))


def text_metrics(scores: Sequence[TokenScores], size: Sizes) -> TextMetrics:
    """The figures of a text from the scores of its documents.

    Examples
    --------
    >>> scores = [TokenScores(np.log([2.0, 8.0]), np.array([0, 3]), np.ones(2))]
    >>> found = text_metrics(scores, Sizes(np.array([2]), np.array([4])))
    >>> round(found.perplexity.value, 6), round(found.bits_per_byte.value, 6)
    (4.0, 1.0)
    >>> found.top1.value, found.top5.value
    (0.5, 1.0)
    """
    nats = np.array([part.nll.sum(dtype=np.float64) for part in scores])
    right = [np.array([(part.rank < k).sum() for part in scores]) for k in (1, 5)]
    loss = ratio(nats, size.tokens)
    return TextMetrics(
        documents=len(scores),
        tokens=int(size.tokens.sum()),
        bytes=int(size.bytes.sum()),
        loss=loss,
        perplexity=loss.exp(),
        bits_per_byte=ratio(nats, size.bytes).scaled(1 / NATS_PER_BIT),
        top1=ratio(right[0], size.tokens),
        top5=ratio(right[1], size.tokens),
    )


def ngram_metrics(
    model: WittenBell, requests: Sequence[Request], scores: Sequence[TokenScores], size: Sizes
) -> NgramMetrics:
    """The best order of an n-gram model on the tokens that `scores` are of."""
    nats = np.array(
        [
            -np.log(model.probabilities(request.ids)[:, request.first :]).sum(axis=1)
            for request in requests
        ]
    )
    best = int(np.argmin(nats.sum(axis=0)))
    own = np.array([part.nll.sum(dtype=np.float64) for part in scores])
    return NgramMetrics(
        order=best + 1,
        loss=ratio(nats[:, best], size.tokens),
        bits_per_byte=ratio(nats[:, best], size.bytes).scaled(1 / NATS_PER_BIT),
        margin=ratio(nats[:, best] - own, size.bytes).scaled(1 / NATS_PER_BIT),
    )
