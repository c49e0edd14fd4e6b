"""Where a middle meets its suffix, by the probability of the whole.

A model ends a middle by the end-of-text token. When to say it, it learns late: it must notice
that what it would write next is what the suffix begins with. How probable a text is from left to
right it can tell long before. So of all the ends of what is written, between any two characters,
the one is taken with which

    prefix + written[:end] + suffix

is most probable. The search ends by itself: no longer middle can be better once the prefix and
what is written are, without the suffix, less probable than the best whole. A blank middle is
not tried: who leaves a hole misses something, and the model may still say that it does not.

Of long sides only what is near the hole counts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from minilm.generation.pretrained import Pretrained
from minilm.objectives.batch import IGNORED
from minilm.objectives.holes import sequence_nats
from minilm.objectives.middle import Marks

__all__ = ["Meeting"]

BEFORE, AFTER = 100, 40  # characters of either side, at most


class Meeting:
    """Looks for the best end of a middle, while it is being written.

    Parameters
    ----------
    model : Pretrained
    prefix, suffix : str

    Attributes
    ----------
    written : str
        All that was fed.
    """

    def __init__(self, model: Pretrained, prefix: str, suffix: str) -> None:
        self._model, self.written = model, ""
        self._room = model.model.config.block_size
        self._before, self._after = _near(model, prefix, suffix, self._room // 2)
        # Where a text begins, the end of another stands before it.
        first = Marks.of(model.tokenizer).end
        self._start = [first] if self._before == prefix else []
        self._end, self._least = 0, math.inf

    @property
    def middle(self) -> str:
        """The best middle so far; empty as long as only blanks were fed."""
        return self.written[: self._end]

    def feed(self, piece: str) -> bool:
        """Take what was written next; returns whether nothing longer can be better."""
        n = len(self.written)
        self.written += piece
        ends = [end for end in range(n + 1, n + 1 + len(piece)) if self.written[:end].strip()]
        texts = [self._before + self.written[:end] + self._after for end in ends]
        texts.append(self._before + self.written)
        ids = [self._ids(text) for text in texts]
        if max(map(len, ids)) > self._room:
            return True
        sequences = [(x, np.append(x[1:], IGNORED)) for x in ids]
        *wholes, alone = sequence_nats(self._model.model, sequences)
        for end, nats in zip(ends, wholes, strict=True):
            if nats < self._least:
                self._end, self._least = end, nats
        return bool(alone >= self._least)

    def _ids(self, text: str) -> NDArray[np.int64]:
        return np.concatenate([self._start, self._model.tokenizer.encode(text)]).astype(np.int64)


def _near(model: Pretrained, prefix: str, suffix: str, room: int) -> tuple[str, str]:
    """What is near the hole on either side, in no more than `room` tokens."""
    before, after = BEFORE, AFTER
    while True:
        sides = prefix[max(0, len(prefix) - before) :], suffix[:after]
        if not before or len(model.tokenizer.encode("".join(sides))) <= room:
            return sides
        before, after = before // 2, max(1, after // 2)
