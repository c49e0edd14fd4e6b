"""Compiled twin of `minilm.reference.repetition`: runs of words as 64-bit hashes in a table.

A hash of a run's characters follows from two prefixes of one sum over the whole text,

    h(i, j) = p(j) - p(i) * B^(j - i)   (mod 2^64),   p(j + 1) = p(j) * B + c_j + 1

so a run of any length costs a multiplication. Runs of different characters share a hash
about once in 2^64 pairs, and are then taken for equal.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.bpe_table import constant
from minilm.kernels.jit import helper, kernel

__all__ = ["characters"]

_U = np.uint64
_BASE, _MIX, _HALF = _U(0xD6E8FEB86659FD93), _U(0x9E3779B97F4A7C15), _U(32)
_ZERO, _ONE = _U(0), _U(1)


def characters(
    codes: NDArray, starts: NDArray, ends: NDArray, tops: Sequence[int], duplicates: Sequence[int]
) -> NDArray[np.int64]:
    """The characters of the top runs of n words for each n of `tops`, and of the duplicate
    runs for each of `duplicates`, in one array."""
    n_words = starts.size
    size = int(np.sum(ends - starts))
    n_rows = 1 << max(4, (2 * n_words).bit_length())
    found = np.zeros(len(tops) + len(duplicates), np.int64)
    _characters(
        *map(constant, (codes, starts, ends, np.array(tops, np.int64))),
        constant(np.array(duplicates, np.int64)),
        np.empty((2, n_words + 1), np.uint64),
        np.empty(size + 1, np.uint64),
        np.empty(n_words + 1, np.int64),
        np.empty(n_rows, np.uint64),
        np.empty((n_rows, 2), np.int32),
        found,
    )
    return found


@kernel(always=True)
def _characters(codes, starts, ends, tops, duplicates, sums, powers, places, table, rows, found):
    _prepare(codes, starts, ends, sums, powers, places)
    for t in range(tops.size):
        found[t] = _top(sums[0], powers, places, tops[t], table, rows)
    for t in range(duplicates.size):
        found[tops.size + t] = _duplicates(sums[1], powers, places, duplicates[t], table)


@helper()
def _prepare(codes, starts, ends, sums, powers, places):
    """The sums before each word, of whole words and of characters; the powers of the base; the
    place of each word when nothing stands between them."""
    powers[0] = _ONE
    for k in range(1, powers.size):
        powers[k] = powers[k - 1] * _BASE
    place, of_words, of_characters = 0, _ZERO, _ZERO
    sums[0, 0], sums[1, 0], places[0] = of_words, of_characters, place
    for w in range(starts.size):
        before = of_characters
        for i in range(starts[w], ends[w]):
            of_characters = of_characters * _BASE + _U(codes[i]) + _ONE
            place += 1
        own = of_characters - before * powers[ends[w] - starts[w]]
        of_words = of_words * _BASE + _mixed(own)
        sums[0, w + 1], sums[1, w + 1], places[w + 1] = of_words, of_characters, place


@helper()
def _mixed(h):
    h = (h ^ (h >> _HALF)) * _MIX
    h = (h ^ (h >> _HALF)) * _MIX
    return h ^ (h >> _HALF)


@helper()
def _row(table, key):
    """Where the key stands or belongs; 0 marks an empty row."""
    mask = _U(table.size - 1)
    row = key & mask
    while table[row] != _ZERO and table[row] != key:
        row = (row + _ONE) & mask
    return row


@helper()
def _top(sums, powers, places, n, table, rows):
    n_runs = places.size - n
    if n_runs < 1:
        return 0
    table[:] = _ZERO
    # The power is of the base over words: n of them, and no text has fewer characters.
    power = powers[n]
    most, first = 0, 0
    for i in range(n_runs):
        key = _mixed(sums[i + n] - sums[i] * power) | _ONE
        row = _row(table, key)
        if table[row] == _ZERO:
            table[row] = key
            rows[row, 0], rows[row, 1] = 0, i
        rows[row, 0] += 1
        count, began = rows[row, 0], rows[row, 1]
        if count > most or (count == most and began < first):
            most, first = count, began
    return (places[first + n] - places[first] + n - 1) * most


@helper()
def _duplicates(sums, powers, places, n, table):
    table[:] = _ZERO
    size, i, last = 0, 0, places.size - 1 - n
    while i <= last:
        length = places[i + n] - places[i]
        key = _mixed(sums[i + n] - sums[i] * powers[length] + _U(length)) | _ONE
        row = _row(table, key)
        if table[row] == key:
            size += length
            i += n
        else:
            table[row] = key
            i += 1
    return size
