"""How often each piece occurs: all that training needs to know of a text."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from minilm.reference import bpe_pieces

__all__ = ["PieceCounts"]


class PieceCounts:
    """Counts the pieces of texts that come one after the other.

    Parameters
    ----------
    classes : (CODE_POINTS,) uint8
    pattern : GPT2 or CL100K
        As `bpe_pieces.split` takes them.
    """

    def __init__(self, classes: NDArray, pattern: int) -> None:
        self._classes = classes
        self._pattern = pattern
        self._counts: Counter[bytes] = Counter()

    def add(self, data: NDArray) -> None:
        """Count the pieces of one more text (n,) uint8."""
        text, start = data.tobytes(), 0
        for end in bpe_pieces.split(data, self._classes, self._pattern).tolist():
            self._counts[text[start:end]] += 1
            start = end

    def result(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """The different pieces, in no particular order.

        Returns
        -------
        pieces : (n,) uint8
            Their bytes, one behind the other.
        ends : (p,) int64
            Where each ends.
        counts : (p,) int64
        """
        pieces = np.frombuffer(b"".join(self._counts), np.uint8)
        ends = np.cumsum([len(piece) for piece in self._counts], dtype=np.int64)
        return pieces, ends, np.array([*self._counts.values()], np.int64)
