"""The two filters of Gopher: does it read like prose, and does it repeat itself?

Source: Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training
Gopher", section A1.1 and table A1, in the reading of the package datatrove.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from minilm.backend import ops
from minilm.corpus.documents import Document
from minilm.corpus.filters import words as word_list
from minilm.corpus.filters.characters import classes
from minilm.corpus.filters.limits import Range, above, outside
from minilm.corpus.pipeline import Rejection

__all__ = ["GopherQuality", "GopherRepetition"]

_ELLIPSES = ("...", "…")
_BLANK_LINES = re.compile(r"\n{2,}")
_LINE_ENDS = re.compile(r"\n+")


@dataclass(frozen=True)
class GopherQuality:
    """Keep what has the words and lines of prose.

    Attributes
    ----------
    words : (int, int)
        The least and the most words that are more than symbols.
    mean_word_length : (float, float)
        The least and the most characters of these words, on average.
    hashes_per_word, ellipses_per_word : float
        At most so many "#", and so many "..." or "…", for each word or symbol.
    bullet_lines : float
        At most this share of the lines begins with a bullet or a hyphen.
    ellipsis_lines : float
        At most this share ends in an ellipsis.
    lettered_words : float
        At least this share of the words and symbols has a letter.
    stop_words : int
        At least so many different words of `stop_word_list` occur.
    stop_word_list : tuple of str

    Examples
    --------
    >>> text = "It was the best of times, it was the worst of times. " * 5
    >>> rule = GopherQuality()
    >>> rule(Document("a", text, "here")).id
    'a'
    >>> rejection = rule(Document("b", "Buy now! " * 50, "here"))
    >>> rejection.rule, rejection.figure, rejection.limit
    ('gopher_quality.lettered_words', 0.6666666666666666, 0.8)
    """

    words: Range = (50, 100_000)
    mean_word_length: Range = (3, 10)
    hashes_per_word: float = 0.1
    ellipses_per_word: float = 0.1
    bullet_lines: float = 0.9
    ellipsis_lines: float = 0.3
    lettered_words: float = 0.8
    stop_words: int = 2
    stop_word_list: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")

    def __call__(self, document: Document) -> Document | Rejection:
        """The document, or the first figure that is out of bounds."""
        name, text = "gopher_quality", document.text
        found = word_list.of(text)
        stop_word_list = tuple(dict.fromkeys(self.stop_word_list))
        figures, n_stop_words = ops.words.figures(*found, classes(), stop_word_list)
        n_words = max(figures.words, 1)
        mean_length = figures.characters / max(figures.plain, 1)
        n_ellipses = sum(map(text.count, _ELLIPSES))
        return (
            outside(document, f"{name}.words", figures.plain, self.words)
            or outside(document, f"{name}.mean_word_length", mean_length, self.mean_word_length)
            or above(
                document, f"{name}.hashes_per_word", text.count("#") / n_words, self.hashes_per_word
            )
            or above(
                document, f"{name}.ellipses_per_word", n_ellipses / n_words, self.ellipses_per_word
            )
            or self._lines(document, name)
            or outside(
                document,
                f"{name}.lettered_words",
                figures.lettered / n_words,
                (self.lettered_words, math.inf),
            )
            or outside(document, f"{name}.stop_words", n_stop_words, (self.stop_words, math.inf))
            or document
        )

    def _lines(self, document: Document, name: str) -> Rejection | None:
        lines = document.text.splitlines()
        n_lines = max(len(lines), 1)
        bullets = sum([line.startswith(("•", "-")) for line in map(str.lstrip, lines)])
        ellipses = sum([line.endswith(_ELLIPSES) for line in map(str.rstrip, lines)])
        return above(
            document, f"{name}.bullet_lines", bullets / n_lines, self.bullet_lines
        ) or above(document, f"{name}.ellipsis_lines", ellipses / n_lines, self.ellipsis_lines)


def _of_top() -> dict[int, float]:
    return {2: 0.20, 3: 0.18, 4: 0.16}


def _of_duplicates() -> dict[int, float]:
    return {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}


@dataclass(frozen=True)
class GopherRepetition:
    """Keep what does not say the same again and again.

    Attributes
    ----------
    duplicate_lines, duplicate_paragraphs : float
        At most this share of the lines, or of what blank lines separate, has occurred before.
    duplicate_line_characters, duplicate_paragraph_characters : float
        The same, in characters of the text.
    top_ngrams : mapping from int to float
        n -> the most frequent run of n words makes up at most this share of the characters.
    duplicate_ngrams : mapping from int to float
        n -> runs of n words that have occurred before make up at most this share.

    Examples
    --------
    >>> rejection = GopherRepetition()(Document("a", "Read more.\\nOne.\\nRead more.", "here"))
    >>> rejection.rule, round(rejection.figure, 2), rejection.limit
    ('gopher_repetition.duplicate_lines', 0.33, 0.3)
    """

    duplicate_lines: float = 0.30
    duplicate_paragraphs: float = 0.30
    duplicate_line_characters: float = 0.20
    duplicate_paragraph_characters: float = 0.20
    top_ngrams: Mapping[int, float] = field(default_factory=_of_top)
    duplicate_ngrams: Mapping[int, float] = field(default_factory=_of_duplicates)

    def __call__(self, document: Document) -> Document | Rejection:
        """The document, or the first share that is too large."""
        text, name = document.text, "gopher_repetition"
        size = len(text)
        if not size:
            return Rejection(document, f"{name}.characters", 0, 1)
        parts = (
            ("paragraph", _BLANK_LINES.split(text.strip())),
            ("line", _LINE_ENDS.split(text)),
        )
        for what, pieces in parts:
            count, characters = duplicates(pieces)
            whole, of_characters = f"duplicate_{what}s", f"duplicate_{what}_characters"
            rejection = above(
                document, f"{name}.{whole}", count / len(pieces), getattr(self, whole)
            ) or above(
                document, f"{name}.{of_characters}", characters / size, getattr(self, of_characters)
            )
            if rejection:
                return rejection
        found = word_list.of(text)
        shares = ops.repetition.characters(*found, [*self.top_ngrams], [*self.duplicate_ngrams])
        limits = [(f"top_ngrams.{n}", limit) for n, limit in self.top_ngrams.items()]
        limits += [(f"duplicate_ngrams.{n}", limit) for n, limit in self.duplicate_ngrams.items()]
        for (what, limit), share in zip(limits, shares.tolist(), strict=True):
            rejection = above(document, f"{name}.{what}", share / size, limit)
            if rejection:
                return rejection
        return document


def duplicates(pieces: list[str]) -> tuple[int, int]:
    """How many of the strings have occurred before, and how many characters these have.

    Examples
    --------
    >>> duplicates(["one", "two", "one", "one"])
    (2, 6)
    """
    different = set(pieces)
    return len(pieces) - len(different), sum(map(len, pieces)) - sum(map(len, different))
