"""Text without end that quality filters take for prose, from a seed.

A word is drawn from those that follow the last one in the documentation that Python carries,
or, just as often, from all of its words by their frequency. So the words have the frequencies
and pairs of English, and long runs of them are new. Sentences, paragraphs and the sizes of
documents are drawn as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.corpus import embedded

__all__ = ["Chain", "Writer"]

_WORD = re.compile(r"[A-Za-z][a-z]*")
# Words that C4 drops lines or documents for.
_LEFT_OUT = {"javascript", "lorem", "cookie", "cookies", "policy", "terms", "privacy"}
_AT_ONCE = 1024  # documents that are written side by side
_LEAST, _MEDIAN, _MOST = 100, 420, 6000  # words of a document
_SENTENCE, _PARAGRAPH = 13, 90  # words, on average
_PLAIN, _FIRST, _COMMA, _LAST, _END = range(5)  # how a word stands in a sentence


class Chain(NamedTuple):
    """Which word follows which.

    Attributes
    ----------
    words : list of str
    frequencies : (n,) float
        Cumulative, from 0 to 1.
    followers, first, count : (m,), (V,), (V,) int
        Word w is followed by one of followers[first[w] : first[w] + count[w]].
    """

    words: list[str]
    frequencies: NDArray
    followers: NDArray
    first: NDArray
    count: NDArray

    @classmethod
    def of(cls, texts: list[str]) -> Chain:
        """The chain of some texts."""
        found = [w.lower() for text in texts for w in _WORD.findall(text)]
        found = [w for w in found if w not in _LEFT_OUT and (len(w) > 1 or w == "a")]
        counts = Counter(found)
        words = sorted(counts)
        numbers = {word: i for i, word in enumerate(words)}
        ids = np.array([numbers[word] for word in found])
        order = np.argsort(ids[:-1], kind="stable")
        count = np.bincount(ids[:-1], minlength=len(words))
        times = np.array([counts[word] for word in words], float)
        return cls(
            words, np.cumsum(times / times.sum()), ids[1:][order], np.cumsum(count) - count, count
        )


class Writer:
    """Writes documents: the same ones for the same seed.

    Parameters
    ----------
    seed : int
    median : int
        Words of a document; half of them have more.
    """

    def __init__(self, seed: int, median: int = _MEDIAN) -> None:
        self.chain = Chain.of([document.text for document in embedded.python_docs()])
        self._seed, self._median = seed, median
        words = self.chain.words
        forms = [
            words,
            [word.capitalize() for word in words],
            [word + "," for word in words],
            [word + "." for word in words],
            [word + ".\n" for word in words],
        ]
        self._forms = np.array(forms, object).reshape(-1)

    def documents(self) -> Iterator[str]:
        """One after the other, without end."""
        block = 0
        while True:
            generator = rng.generator(self._seed, block, "documents")
            yield from self._written(generator)
            block += 1

    def _written(self, generator: np.random.Generator) -> Iterator[str]:
        sizes = np.exp(generator.normal(np.log(self._median), 0.8, _AT_ONCE))
        sizes = np.sort(np.clip(sizes, _LEAST, _MOST).astype(np.int64))[::-1]
        columns = self._walk(generator, sizes)
        n_words = len(self.chain.words)
        for i in generator.permutation(_AT_ONCE).tolist():
            size = int(sizes[i])
            forms = self._punctuation(generator, size)
            text = " ".join(self._forms[columns[:size, i] + n_words * forms].tolist())
            yield text.replace("\n ", "\n").rstrip()

    def _walk(self, generator: np.random.Generator, sizes: NDArray) -> NDArray:
        """Words (largest size, documents); those of a document end where its size says."""
        chain = self.chain
        columns = np.zeros((int(sizes[0]), len(sizes)), np.int32)
        last = np.zeros(len(sizes), np.int64)
        ends = np.searchsorted(-sizes, -np.arange(1, int(sizes[0]) + 1), "right")
        for t, n in enumerate(ends.tolist()):
            draws = generator.random((3, n))
            anywhere = np.searchsorted(chain.frequencies, draws[0]).clip(max=len(chain.words) - 1)
            before = last[:n]
            place = chain.first[before] + (draws[1] * chain.count[before]).astype(np.int64)
            follower = chain.followers[np.minimum(place, len(chain.followers) - 1)]
            free = (draws[2] < 0.5) | (chain.count[before] == 0) | (t == 0)
            last[:n] = columns[t, :n] = np.where(free, anywhere, follower)
        return columns

    def _punctuation(self, generator: np.random.Generator, size: int) -> NDArray:
        """The form (size,) of each word."""
        forms = np.where(generator.random(size) < 0.06, _COMMA, _PLAIN)
        ends = np.cumsum(generator.integers(6, 2 * _SENTENCE - 6, 2 + size // 6)) - 1
        ends = np.append(ends[ends < size - 4], size - 1)
        closes = generator.random(len(ends)) < _SENTENCE / _PARAGRAPH
        forms[ends] = np.where(closes, _END, _LAST)
        forms[0] = _FIRST
        forms[ends[:-1] + 1] = _FIRST
        return forms
