"""What counting reaches on the same task: the figure that a run must beat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minilm.evaluation import bidirectional_ngram, ngram
from minilm.objectives.masked_tokens import MaskedTokens
from minilm.recipes.text import Text
from minilm.training.loop import Objective

__all__ = ["Baseline", "measure"]


@dataclass(frozen=True)
class Baseline:
    """The figures of the best model made of counts, on the whole validation split.

    Attributes
    ----------
    name : str
        What it is.
    loss : float
        Nats per target.
    bpb : float or None
        Bits per byte, where every token is a target.
    accuracy : float or None
        Share of the targets to which it gives the highest probability, where that is told.
    """

    name: str
    loss: float
    bpb: float | None = None
    accuracy: float | None = None


def measure(objective: Objective, text: Text) -> Baseline:
    """Count the training text, and score what the objective scores."""
    vocab_size = text.tokenizer.vocab_size
    if isinstance(objective, MaskedTokens):
        found = bidirectional_ngram.baseline(
            text.counted, objective.validation(), vocab_size, objective.alphabet.special
        )
        return Baseline(found.name, found.loss, accuracy=found.accuracy)
    ids = np.asarray(text.validation.ids)
    best = ngram.baseline(text.counted, ids, vocab_size)
    n_bytes = int(text.bytes_per_id[ids[1:]].sum())
    bpb = best.loss * (len(ids) - 1) / math.log(2) / max(1, n_bytes)
    return Baseline(f"n-gram of order {best.order}", best.loss, bpb)
