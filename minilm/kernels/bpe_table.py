"""A hash table of pieces, which counting and encoding share.

A piece of at most 16 bytes is its own key, as two words of 8 bytes: comparing is exact and
needs no second look-up. Of a longer piece the first word is a hash and the second the place
where its bytes are kept. Each row has four words:

    [first word, second word, size of the piece << 32 | free for use, free for use]

A row whose third word is 0 is empty. Rows are found by linear probing; their number is a
power of two, of which at most half may be in use.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.jit import helper

__all__ = ["SHORT", "constant", "copy", "find", "mixed", "piece_key", "piece_size"]

SHORT = 16
# Unsigned, for the compiler may take it that signed numbers never overflow.
_U = np.uint64
_PRIME_1, _PRIME_2, _PRIME_3 = _U(0x9E3779B97F4A7C15), _U(0xC2B2AE3D27D4EB4F), _U(0x100000001B3)
_SHIFTS = tuple(_U(8 * k) for k in range(8))
_ALL, _EIGHT, _MIX_1, _MIX_2, _SIGN = _U(2**64 - 1), _U(8), _U(32), _U(29), _U(1)


def constant(x: NDArray) -> NDArray:
    """x as an array that cannot be written to: text may come in either kind of array, and one
    kind is one compiled signature."""
    view = np.ascontiguousarray(x).view()
    view.flags.writeable = False
    return view


@helper()
def mixed(first, second):
    """A hash of two words, not negative, whose low bits depend on all."""
    h = (_U(first) * _PRIME_1) ^ (_U(second) * _PRIME_2)
    h ^= h >> _MIX_1
    h *= _PRIME_2
    return np.int64((h ^ (h >> _MIX_2)) >> _SIGN)


@helper()
def _eight(data, i):
    """Eight bytes as a word; the compiler makes one load of it."""
    return (
        _U(data[i])
        | _U(data[i + 1]) << _SHIFTS[1]
        | _U(data[i + 2]) << _SHIFTS[2]
        | _U(data[i + 3]) << _SHIFTS[3]
        | _U(data[i + 4]) << _SHIFTS[4]
        | _U(data[i + 5]) << _SHIFTS[5]
        | _U(data[i + 6]) << _SHIFTS[6]
        | _U(data[i + 7]) << _SHIFTS[7]
    )


@helper()
def _part(data, i, size):
    """At most eight bytes, at least one, as a word."""
    if i + 8 <= data.size:
        word = _eight(data, i)
        return word if size >= 8 else word & (_ALL >> (_EIGHT * _U(8 - size)))
    word = _U(0)
    for k in range(min(size, 8)):
        word |= _U(data[i + k]) << (_EIGHT * _U(k))
    return word


@helper()
def piece_key(data, start, size):
    """The two words of a piece, the second of them 0 if the piece is long."""
    if size <= 8:
        return np.int64(_part(data, start, size)), np.int64(0)
    if size <= SHORT:
        return np.int64(_part(data, start, 8)), np.int64(_part(data, start + 8, size - 8))
    h = _U(size)
    for i in range(start, start + size):
        h = (h ^ _U(data[i])) * _PRIME_3
    return np.int64(h), np.int64(0)


@helper()
def piece_size(rows, row):
    """The size in bytes of the piece in a row."""
    return rows[row, 2] >> 32


@helper()
def _same(data, start, kept, place, size):
    i = 0
    while i < size and data[start + i] == kept[place + i]:
        i += 1
    return i == size


@helper()
def find(rows, kept, data, start, size, first, second):
    """The row that holds the piece, or the empty row where it belongs.

    Parameters
    ----------
    rows : (r, 4) int64
    kept : (k,) uint8
        The bytes of the long pieces.
    data : (n,) uint8
        Where the piece lies, from `start` on.
    first, second : int64
        Its key, of `piece_key`.
    """
    mask = len(rows) - 1
    row = mixed(first, second) & mask
    while rows[row, 2] != 0:
        if rows[row, 0] == first and piece_size(rows, row) == size:
            if size <= SHORT:
                if rows[row, 1] == second:
                    return row
            elif _same(data, start, kept, rows[row, 1], size):
                return row
        row = (row + 1) & mask
    return row


@helper()
def copy(source, start, size, target, place):
    """Write `size` elements of `source` from `start` on into `target`."""
    for i in range(size):
        target[place + i] = source[start + i]
