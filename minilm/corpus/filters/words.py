"""The words of a text, found once for all filters that ask for them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.backend import active, ops
from minilm.corpus.code_points import code_points
from minilm.corpus.filters.characters import classes

__all__ = ["Words", "of", "sentences"]


class Words(NamedTuple):
    """Word i is codes[starts[i]:ends[i]], where codes are code points."""

    codes: NDArray[np.uint32]  # (n,)
    starts: NDArray[np.int64]  # (w,)
    ends: NDArray[np.int64]  # (w,)

    @classmethod
    def join(cls, words: Sequence[str]) -> Words:
        """Words that were found in another way.

        Examples
        --------
        >>> Words.join(["Some", "one"]).ends.tolist()
        [4, 7]
        """
        ends = np.cumsum([len(word) for word in words], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(words)]
        return cls(code_points("".join(words)), starts, ends)

    def texts(self) -> list[str]:
        """The words as strings."""
        text = "".join(map(chr, self.codes.tolist()))
        return [text[a:b] for a, b in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]


def of(text: str) -> Words:
    """The words of a text, as `minilm.reference.words` defines them.

    The last text's are remembered: filters that follow each other ask for the same.

    Examples
    --------
    >>> of('"Don\\'t stop," (he said).').texts()
    ['"', 'Do', "n't", 'stop', ',', '"', '(', 'he', 'said', ')', '.']
    """
    return _of(text, active())


@functools.lru_cache(maxsize=1)
def _of(text: str, twin: str) -> Words:
    codes = code_points(text)
    return Words(codes, *ops.words.split(codes, classes()))


def sentences(text: str) -> int:
    """How many sentences a text has; each line with a word begins one.

    Examples
    --------
    >>> sentences("It costs 3.50 at Smith & Co. Really? Yes!\\nSo be it")
    4
    """
    return int(ops.words.sentences(*of(text), classes()))
