"""Held-out middles, and what a model loses on them.

    both sides     P S suffix M prefix | middle        scored: the middle's tokens
    prefix only    prefix | middle                     the same tokens

The suffix comes first, so that the middle follows its prefix at once: a model that has not
seen much yet finds its way from the one to the other only so.

The end-of-text token after the middle is left out of both: a model that goes from left to
right is not asked where to stop. The tokens are the same, so the losses may be compared,
per token or per byte of the middle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.models.gpt import GPT
from minilm.objectives.batch import IGNORED
from minilm.objectives.middle import Cut, Marks, Parts, encode
from minilm.objectives.token_loss import negative_log_likelihood
from minilm.tokenizers.base import Tokenizer

__all__ = ["Hole", "middle_metrics", "middle_nats", "sequence_nats"]


class Hole(NamedTuple):
    """A middle to restore: its parts as ids, and the bytes of the middle."""

    parts: Parts
    n_bytes: int

    @classmethod
    def of(cls, parts: Cut, tokenizer: Tokenizer, room: int) -> Hole:
        """The hole that a cut leaves, with at most `room` ids of text."""
        fitted = encode(parts, tokenizer).fitted(room)
        return cls(fitted, len(tokenizer.decode_bytes(fitted.middle)))

    def prompt(self, marks: Marks | None) -> NDArray:
        """What stands before the middle; without marks that is the prefix alone."""
        if marks is None:
            return np.asarray(self.parts.prefix, np.int64)
        empty = self.parts._replace(middle=self.parts.middle[:0])
        return empty.arranged(marks, suffix_first=True)[:-1]


def middle_nats(
    model: GPT, holes: Sequence[Hole], marks: Marks | None, batch_size: int = 16
) -> NDArray:
    """-log p of the tokens of each middle together, in nats: (len(holes),).

    A first token with nothing before it, of an empty prefix without marks, is not scored.

    Parameters
    ----------
    marks : Marks or None
        None: the model sees the prefix only.
    """
    sequences = []
    for hole in holes:
        prompt = hole.prompt(marks)
        tokens = np.concatenate([prompt, hole.parts.middle]).astype(np.int64)
        targets = np.append(tokens[1:], IGNORED)
        targets[: max(0, len(prompt) - 1)] = IGNORED
        sequences.append((tokens, targets))
    return sequence_nats(model, sequences, batch_size)


def sequence_nats(
    model: GPT, sequences: Sequence[tuple[NDArray, NDArray]], batch_size: int = 16
) -> NDArray:
    """-log p of the targets of each sequence together, in nats: (len(sequences),).

    A sequence is tokens (T,) and as many targets; those that are IGNORED are not scored.
    """
    nats = np.zeros(len(sequences))
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i][0]))
    for start in range(0, len(order), batch_size):
        group = order[start : start + batch_size]
        longest = len(sequences[group[-1]][0])
        tokens = np.zeros((len(group), max(1, longest)), np.int64)
        targets = np.full_like(tokens, IGNORED)
        for row, i in enumerate(group):
            tokens[row, : len(sequences[i][0])], targets[row, : len(sequences[i][0])] = sequences[i]
        x = model.features(tokens)[0]  # what fills up stands after, where nothing looks
        nll = negative_log_likelihood(model.head, x, targets, vocab_size=model.config.vocab_size)
        nats[group] = nll.sum(axis=1, dtype=np.float64)
    return nats


def middle_metrics(
    model: GPT, holes: Sequence[Hole], tokenizer: Tokenizer, batch_size: int = 16
) -> dict[str, float]:
    """The loss of middles given both sides, and given the prefix only.

    Holes without a prefix are left out, since the first token of their middle cannot be
    scored from nothing; and so are empty middles.

    Returns
    -------
    dict
        ``val_middle_loss`` in nats per token of the middles, ``val_middle_bpb`` in bits per
        byte of them, and ``val_middle_prefix_bpb``. Without holes it is empty.
    """
    holes = [hole for hole in holes if len(hole.parts.prefix) and hole.n_bytes]
    if not holes:
        return {}
    n_tokens = sum(len(hole.parts.middle) for hole in holes)
    n_bits = sum(hole.n_bytes for hole in holes) * math.log(2)
    both = middle_nats(model, holes, Marks.of(tokenizer), batch_size).sum()
    prefix = middle_nats(model, holes, None, batch_size).sum()
    return {
        "val_middle_loss": float(both / n_tokens),
        "val_middle_bpb": float(both / n_bits),
        "val_middle_prefix_bpb": float(prefix / n_bits),
    }
