"""Compiled twin of `minilm.reference.words`: one pass over the characters, nothing kept of them.

What is found at the back of a chunk comes in the wrong order, so it is written where no other
word of the chunk can reach and moved when those are known.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.bpe_table import constant
from minilm.kernels.jit import helper, kernel
from minilm.kernels.word_marks import back, front, inside, is_letter, is_whole
from minilm.reference.words import (
    ALPHA,
    DIGIT,
    LOWER,
    PUNCTUATION,
    SPACE,
    SYMBOL,
    TERMINAL,
    Figures,
)

__all__ = ["Figures", "figures", "sentences", "split"]

_NEWLINE = ord("\n")


def split(codes: NDArray, classes: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the words of a text (n,) begin and end, (w,) each."""
    spans = np.empty((2, codes.size), np.int64)
    n = _split(constant(codes), constant(classes), spans)
    return spans[0, :n].copy(), spans[1, :n].copy()


def figures(
    codes: NDArray, starts: NDArray, ends: NDArray, classes: NDArray, stop_words: tuple[str, ...]
) -> tuple[Figures, int]:
    """The `Figures` of words (w,), and how many of the different stop words are among them."""
    spelt = np.array([ord(c) for word in stop_words for c in word], np.uint32)
    stop_ends = np.cumsum([len(word) for word in stop_words], dtype=np.int64)
    seen = np.zeros(len(stop_words), np.bool_)
    arrays = (codes, starts, ends, classes, spelt, stop_ends)
    found = _figures(*map(constant, arrays), seen)
    return Figures(*found), int(seen.sum())


def sentences(codes: NDArray, starts: NDArray, ends: NDArray, classes: NDArray) -> int:
    """How many sentences the words (w,) make, if none goes across a line end (LF)."""
    return int(_sentences(constant(codes), constant(starts), constant(ends), constant(classes)))


@kernel(always=True)
def _split(codes, classes, spans):
    n, first, size = 0, 0, codes.size
    while first < size:
        last, plain = first, True
        kind = classes[codes[last]] & 15
        while kind != SPACE:
            plain &= LOWER <= kind <= DIGIT
            last += 1
            if last == size:
                break
            kind = classes[codes[last]] & 15
        # Letters and numbers alone are one word, but for "cannot".
        if plain and last > first and last - first != 6:
            spans[0, n], spans[1, n] = first, last
            n += 1
        elif last > first:
            n = _cut_chunk(codes, classes, first, last, spans, n)
        first = last + 1
    return n


@helper()
def _cut_chunk(codes, classes, first, last, spans, n):
    mark = 1
    while first < last and mark:
        mark = front(codes, classes, first, last)
        if mark:
            spans[0, n], spans[1, n] = first, first + mark
            n += 1
            first += mark
    # No more words than characters: those before `first` have made n of them.
    behind = n + last - first
    next_behind, mark = behind, 1
    while first < last and mark:
        mark = back(codes, classes, first, last)
        if mark:
            next_behind -= 1
            spans[0, next_behind], spans[1, next_behind] = last - mark, last
            last -= mark
    n = _cut_inside(codes, classes, first, last, spans, n)
    for k in range(next_behind, behind):
        spans[0, n], spans[1, n] = spans[0, k], spans[1, k]
        n += 1
    return n


@helper()
def _cut_inside(codes, classes, first, last, spans, n):
    start, i = first, first
    whole = is_whole(codes, first, last)
    while i < last:
        size = 0
        # Letters, of which most texts are made, are no marks.
        if not whole and not is_letter(classes[codes[i]] & 15):
            size = inside(codes, classes, first, i, last)
        if size:
            if i > start:
                spans[0, n], spans[1, n] = start, i
                n += 1
            spans[0, n], spans[1, n] = i, i + size
            n += 1
            start = i + size
        i += max(size, 1)
    if start < last:
        spans[0, n], spans[1, n] = start, last
        n += 1
    return n


@kernel(always=True)
def _figures(codes, starts, ends, classes, spelt, stop_ends, seen):
    plain, characters, lettered = 0, 0, 0
    for w in range(starts.size):
        start, end = starts[w], ends[w]
        all_of, any_of = SYMBOL, 0
        for i in range(start, end):
            flags = classes[codes[i]]
            all_of &= flags
            any_of |= flags
        if not all_of & SYMBOL:
            plain += 1
            characters += end - start
        if any_of & ALPHA:
            lettered += 1
        first = 0
        for s in range(stop_ends.size):
            if stop_ends[s] - first == end - start and not seen[s]:
                k = 0
                while k < end - start and codes[start + k] == spelt[first + k]:
                    k += 1
                seen[s] = k == end - start
            first = stop_ends[s]
    return starts.size, plain, characters, lettered


@kernel(always=True)
def _sentences(codes, starts, ends, classes):
    n, ended, position = 0, False, 0
    for w in range(starts.size):
        start, end = starts[w], ends[w]
        new_line = n == 0
        for i in range(position, start):
            new_line |= codes[i] == _NEWLINE
        all_of = np.uint8(255)
        for i in range(start, end):
            all_of &= classes[codes[i]]
        is_terminal = end - start == 1 and all_of & TERMINAL != 0
        goes_on = not ended or is_terminal or all_of & PUNCTUATION != 0
        if new_line or not goes_on:
            n += 1
            ended = False
        ended = ended or is_terminal
        position = end
    return n
