"""Decontamination: no document that repeats what a model is to be judged by.

A document is contaminated if some run of n words also stands in a held-out text; words are
compared in their plainest form (`minilm.corpus.deduplication.normalised`). Runs are kept as
sorted 64-bit hashes, 8 bytes each. That of a billion runs of a corpus one is found among a
million held-out ones by chance has a probability of 1 in 18,000.

Source: Brown et al. 2020, "Language Models are Few-Shot Learners", appendix C, for runs of 13.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from minilm.backend import ops
from minilm.corpus.deduplication.normal import batches, normalised, word_hashes
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection
from minilm.errors import MinilmError

__all__ = ["Index", "contaminated"]

_MOST_WORDS = 50
_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Index:
    """The runs of words of held-out texts.

    Attributes
    ----------
    n : int
        Words in a run.
    hashes : (m,) uint64
        Sorted, all different.
    n_short : int
        Texts with fewer than n words. They are in the index as a whole, so only a document
        that is no longer, and the same, is found by them: a smaller n protects them better.
    """

    n: int
    hashes: NDArray[np.uint64] = field(repr=False)
    n_short: int = 0

    @classmethod
    def of(cls, texts: Iterable[str], n: int = 13) -> Index:
        """The index of some texts.

        Raises
        ------
        MinilmError
            If n is less than 1.

        Examples
        --------
        >>> index = Index.of(["What is the capital of the country to the north?"], n=5)
        >>> len(index.hashes)
        6
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise MinilmError(f"words = {n!r} of decontamination: must be 1 or more")
        found, n_short = np.empty(0, np.uint64), 0
        for batch in batches(texts):
            hashes, ends = word_hashes(batch)
            sizes = np.diff(ends, prepend=0)
            n_short += int(np.sum(sizes < n))
            found = np.union1d(found, ops.minhash.shingles(hashes, ends, n)[0])
        return cls(n, found, n_short)

    def contains(self, hashes: NDArray) -> NDArray[np.bool_]:
        """Which hashes of runs (m,) are in the index (m,)."""
        table, shift = self._table
        found: NDArray[np.bool_] = table[hashes >> shift]
        likely = hashes[found]
        if likely.size:
            places = np.searchsorted(self.hashes, likely)
            found[found] = self.hashes[np.minimum(places, self.hashes.size - 1)] == likely
        return found

    @functools.cached_property
    def _table(self) -> tuple[NDArray[np.bool_], np.uint64]:
        """Which first bits any hash has: one look there answers for most runs of a corpus."""
        bits = min(max(10, (16 * self.hashes.size).bit_length()), 26)
        shift = np.uint64(64 - bits)
        table = np.zeros(1 << bits, np.bool_)
        table[self.hashes >> shift] = True
        return table, shift


@dataclass(frozen=True)
class _Contaminated:
    """The rule; a class so that it can be sent to another process."""

    index: Index

    def __call__(self, document: Document) -> Document | Rejection:
        index = self.index
        hashes, ends = word_hashes([document.text])
        runs, _ = ops.minhash.shingles(hashes, ends, index.n)
        found = index.contains(runs)
        if not found.any():
            return document
        first = int(found.argmax())
        # Runs that follow each other overlap in all but one word: they are one passage.
        others = np.flatnonzero(~found[first:])
        n_runs = int(others[0]) if others.size else found.size - first
        n_words = min(index.n, hashes.size) + n_runs - 1
        more = f" ... ({n_words} words)" if n_words > _MOST_WORDS else ""
        words = _words(document.text, first, first + min(n_words, _MOST_WORDS))
        figure = " ".join(words) + more
        limit = f"no {index.n} words in a row of a held-out text"
        return Rejection(document, "contaminated", figure, limit)


def _words(text: str, first: int, end: int) -> list[str]:
    """The normalised words of a text from `first` to `end`, without all those behind."""
    found: list[str] = []
    start = 0
    while len(found) < end and start < len(text):
        # No word goes across a line end.
        cut = text.find("\n", start + _AT_ONCE)
        cut = len(text) if cut < 0 else cut
        found += normalised(text[start:cut]).split()
        start = cut
    return found[first:end]


def contaminated(index: Index) -> Callable[[Document], Document | Rejection]:
    """The rule that rejects what shares a run of words with a held-out text.

    The figure of a rejection is the first passage that is shared, at most 50 words of it.

    Examples
    --------
    >>> rule = contaminated(Index.of(["What is the capital of the country to the north?"], n=5))
    >>> rule(Document("a", "They said: 'What IS the capital of Peru?'", "here")).figure
    'what is the capital of'
    >>> rule(Document("b", "The capital of the north.", "here")).id
    'b'
    """
    return _Contaminated(index)
