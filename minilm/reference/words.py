r"""Text into words, in the sense in which quality filters count them.

What white space separates is a chunk, and a chunk is cut three times:

    front   each punctuation mark before its first other character is a word: ( " % =
    back    so is each behind its last; 's, n't, 'll, 're, 've, 'm and 'd are split off too
    inside  at hyphens before a letter, at : < > = / and commas before one, at a full stop
            between a small letter and a capital, at + - * ^ between digits, at an ellipsis

    "Don't stop," (he said) at 3.30  ->  " Do n't stop , " ( he said ) at 3.30

Two or more full stops in a row are one word; so are two quotes, and the faces :) ): :( (: :] [:
at the front or back. "cannot" is two, "and/or" one. A full stop goes with the single letter
before it ("e.g.", "U.S."), and nothing is cut inside an address with "://".

A word, then, is what treebanks call a token: thresholds such as "80 % of words have a letter"
were published for such tokens and mean something else for what white space separates.

The figures that filters need of the words are here too: how many there are, how many have a
letter, and how many sentences they make.

Source: Marcus, Santorini and Marcinkiewicz 1993, "Building a Large Annotated Corpus of
English: The Penn Treebank", for the convention.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ALPHA",
    "CODE_POINTS",
    "CURRENCY",
    "DASH",
    "DIGIT",
    "EDGE",
    "FRONT",
    "HYPHEN",
    "ICON",
    "LOWER",
    "OTHER",
    "PUNCTUATION",
    "SPACE",
    "SYMBOL",
    "TERMINAL",
    "UNCASED",
    "UPPER",
    "Figures",
    "figures",
    "sentences",
    "split",
]

CODE_POINTS = 0x110000

# The low four bits of a character's class: where it is cut.
OTHER, SPACE, LOWER, UPPER, UNCASED, DIGIT, EDGE, FRONT, CURRENCY, DASH, HYPHEN, ICON = range(12)
# The high four: what it is.
SYMBOL, ALPHA, TERMINAL, PUNCTUATION = 16, 32, 64, 128

_LETTERS = (LOWER, UPPER, UNCASED)
_PAIRS = (":)", "):", ":(", "(:", ":]", "[:", "''")
_CLITICS = ("n't", "'ll", "'re", "'ve", "'s", "'m", "'d")


class Figures(NamedTuple):
    """What filters count of words."""

    words: int
    plain: int  # words with a character that is not in the list of symbols
    characters: int  # of the plain words
    lettered: int  # words with a letter


def split(codes: NDArray, classes: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the words of a text begin and end.

    Parameters
    ----------
    codes : (n,) uint32
        The code points of the text.
    classes : (CODE_POINTS,) uint8
        For each character one of `OTHER` to `ICON`, and the bits `SYMBOL`, `ALPHA`, `TERMINAL`
        and `PUNCTUATION` that apply.

    Returns
    -------
    starts, ends : (w,) int64
        Rising; word i is codes[starts[i]:ends[i]].
    """
    text = "".join(map(chr, codes.tolist()))
    kinds = (classes[codes] & 15).tolist()
    found: list[tuple[int, int]] = []
    first = 0
    while first < len(text):
        last = first
        while last < len(text) and kinds[last] != SPACE:
            last += 1
        _cut_chunk(text, kinds, first, last, found)
        first = last + 1
    spans = np.array(found, np.int64).reshape(-1, 2)
    return spans[:, 0].copy(), spans[:, 1].copy()


def _cut_chunk(
    text: str, kinds: list[int], first: int, last: int, found: list[tuple[int, int]]
) -> None:
    while first < last:
        size = _front(text, kinds, first, last)
        if not size:
            break
        found.append((first, first + size))
        first += size
    behind = []
    while first < last:
        size = _back(text, kinds, first, last)
        if not size:
            break
        behind.append((last - size, last))
        last -= size
    _cut_inside(text, kinds, first, last, found)
    found += reversed(behind)


def _dots(text: str, i: int, last: int) -> int:
    """How many full stops follow each other from i on."""
    n = 0
    while i + n < last and text[i + n] == ".":
        n += 1
    return n


def _front(text: str, kinds: list[int], i: int, last: int) -> int:
    """The size of the mark at the front, or 0."""
    dots = _dots(text, i, last)
    if dots >= 2:
        return dots
    if text[i] == "+":
        return int(i + 1 == last or kinds[i + 1] != DIGIT)
    if text[i : min(i + 2, last)] in _PAIRS:
        return 2
    return int(kinds[i] in (EDGE, FRONT, CURRENCY, DASH, ICON))


def _back(text: str, kinds: list[int], first: int, last: int) -> int:
    """The size of the mark or clitic at the back, or 0; something is left before a clitic."""
    i = last - 1
    if text[i] == ".":
        start = i
        while start > first and text[start - 1] == ".":
            start -= 1
        return last - start if last - start >= 2 else int(_ends_sentence(text, kinds, first, i))
    if text[max(last - 2, first) : last] in _PAIRS:
        return 2
    if kinds[i] in (EDGE, DASH, ICON):
        return 1
    if text[first:last] in ("cannot", "Cannot"):
        return len("not")
    if kinds[i] == CURRENCY or text[i] in "%+":
        return int(i > first and kinds[i - 1] == DIGIT)
    for clitic in _CLITICS:
        size = len(clitic)
        if last - first > size:
            end = text[last - size : last].replace("\u2019", "'")
            if end == clitic or (end == "'S" and clitic == "'s"):
                return size
    return 0


def _ends_sentence(text: str, kinds: list[int], first: int, i: int) -> bool:
    """Whether the full stop at i is a word of its own."""
    if i == first:
        return False
    before = kinds[i - 1]
    if before in _LETTERS and (i - 1 == first or text[i - 2] == "."):
        return False
    if before == UPPER:
        return kinds[i - 2] == UPPER
    return before in (LOWER, UNCASED, DIGIT, EDGE) or text[i - 1] in "%-+"


def _cut_inside(
    text: str, kinds: list[int], first: int, last: int, found: list[tuple[int, int]]
) -> None:
    start = i = first
    whole = "://" in text[first:last] or text[first:last] == "and/or"
    while i < last:
        size = 0 if whole else _inside(text, kinds, first, i, last)
        if size:
            if i > start:
                found.append((start, i))
            found.append((i, i + size))
            start = i + size
        i += max(size, 1)
    if start < last:
        found.append((start, last))


def _inside(text: str, kinds: list[int], first: int, i: int, last: int) -> int:
    """The size of the mark at which the chunk is cut at i, or 0."""
    dots = _dots(text, i, last)
    if dots >= 2:
        return dots
    if kinds[i] == ICON:
        return 1
    # A run of hyphens is one; it needs neighbours like any other mark.
    size = 1
    while kinds[i] in (HYPHEN, DASH) and size < 3 and i + size < last and text[i + size] == text[i]:
        size += 1
    if i == first or i + size >= last:
        return 0
    left, right = kinds[i - 1], kinds[i + size]
    if left == DIGIT and text[i] in "+-*^" and (right == DIGIT or text[i + 1] == "-"):
        return 1
    if text[i] == ".":
        return int(left in (LOWER, UNCASED) and right in (UPPER, UNCASED))
    if right not in _LETTERS:
        return 0
    if text[i] == ",":
        return int(left in _LETTERS)
    if kinds[i] in (HYPHEN, DASH) or text[i] in ":<>=/":
        return size if left in _LETTERS or left == DIGIT else 0
    return 0


def figures(
    codes: NDArray, starts: NDArray, ends: NDArray, classes: NDArray, stop_words: tuple[str, ...]
) -> tuple[Figures, int]:
    """The `Figures` of words, and how many of the different stop words are among them.

    Parameters
    ----------
    codes : (n,) uint32
    starts, ends : (w,) int64
    classes : (CODE_POINTS,) uint8
        As `split` takes and returns them.
    stop_words : tuple of str
        All different; a word counts if it is spelt exactly so.
    """
    words = [codes[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    plain = [len(word) for word in words if not (classes[word] & SYMBOL).all()]
    lettered = sum(bool((classes[word] & ALPHA).any()) for word in words)
    spelt = {"".join(map(chr, word.tolist())) for word in words}
    return Figures(len(words), len(plain), sum(plain), lettered), len(
        spelt.intersection(stop_words)
    )


def sentences(codes: NDArray, starts: NDArray, ends: NDArray, classes: NDArray) -> int:
    """How many sentences the words make, if none goes across a line end (LF).

    A sentence ends behind a word that is one terminal mark and all punctuation after that.
    """
    n, ended, position = 0, False, 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        of_word = classes[codes[start:end]]
        is_terminal = end - start == 1 and bool(of_word[0] & TERMINAL)
        goes_on = not ended or is_terminal or bool((of_word & PUNCTUATION).all())
        if n == 0 or not goes_on or (codes[position:start] == 10).any():
            n += 1
            ended = False
        ended = ended or is_terminal
        position = end
    return n
