"""Compiled twin of `minilm.reference.bpe_pieces`: reads the UTF-8 bytes themselves.

Each alternative of the two expressions begins with a character that tells which it is, so
one look at it, or at it and the next, chooses; none needs to be tried and taken back. Only
white space must look to its end before it is known where it is cut.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.bpe_table import constant
from minilm.kernels.jit import helper, kernel
from minilm.reference.bpe_pieces import (
    CL100K,
    CODE_POINTS,
    GPT2,
    LETTER,
    NUMBER,
    OTHER,
    SPACE,
)

__all__ = [
    "CL100K",
    "CODE_POINTS",
    "GPT2",
    "LETTER",
    "NUMBER",
    "OTHER",
    "SPACE",
    "next_piece",
    "safe_cut",
    "split",
]

_RETURN, _NEWLINE, _BLANK, _APOSTROPHE = 13, 10, 32, 39
_D, _E, _L, _M, _R, _S, _T, _V = (ord(letter) for letter in "delmrstv")


def split(data: NDArray, classes: NDArray, pattern: int) -> NDArray[np.int64]:
    """The end of each piece (p,) of the bytes (n,), as positions."""
    ends = np.empty(data.size, np.int64)
    return ends[: _split(constant(data), constant(classes), pattern, ends)].copy()


def safe_cut(data: NDArray, classes: NDArray) -> int:
    """The last place at which the bytes (n,) may be cut without changing their pieces, or 0."""
    return int(_safe_cut(constant(data), constant(classes)))


@kernel(always=True)
def _split(data, classes, pattern, ends):
    position, n_pieces = 0, 0
    while position < data.size:
        position = next_piece(data, position, classes, pattern)
        ends[n_pieces] = position
        n_pieces += 1
    return n_pieces


@kernel(always=True)
def _safe_cut(data, classes):
    # The character that ends at each cut, and the one that begins there.
    for cut in range(data.size - 1, 0, -1):
        if data[cut] & 0xC0 == 0x80:
            continue
        right, size = _class(data, cut, classes)
        # A character beyond ASCII that does not take up its bytes is not one, or is cut off.
        if data[cut] >= 0x80 and size == 1:
            continue
        start = cut - 1
        while start > 0 and start > cut - 4 and data[start] & 0xC0 == 0x80:
            start -= 1
        left, size = _class(data, start, classes)
        if start + size != cut or (data[start] >= 0x80 and size == 1):
            continue
        if left in (LETTER, NUMBER) and right != left:
            return cut
        line_end = data[cut] == _NEWLINE or data[cut] == _RETURN
        if left != SPACE and right == SPACE and not line_end:
            return cut
    return 0


@helper()
def next_piece(data, start, classes, pattern):
    """The end of the piece that begins at `start`."""
    if data[start] == _APOSTROPHE:
        end = _contraction(data, start, pattern == CL100K)
        if end > start:
            return end
    kind, size = _class(data, start, classes)
    after = start + size
    # What a piece begins with that is of another class than the rest.
    follows = SPACE
    if after < data.size and kind != LETTER and kind != NUMBER:
        follows, _ = _class(data, after, classes)
    if pattern == GPT2:
        if kind != SPACE:
            return _run(data, after, classes, kind)
        if data[start] == _BLANK and follows != SPACE:
            return _run(data, after, classes, follows)
        return _white(data, start, classes, False)
    if kind == LETTER:
        return _run(data, after, classes, LETTER)
    if kind == NUMBER:
        return _three(data, start, classes)
    line_end = data[start] == _NEWLINE or data[start] == _RETURN
    if follows == LETTER and not line_end:
        return _run(data, after, classes, LETTER)
    if kind == OTHER or (data[start] == _BLANK and follows == OTHER):
        end = _run(data, after, classes, OTHER)
        while end < data.size and (data[end] == _NEWLINE or data[end] == _RETURN):
            end += 1
        return end
    return _white(data, start, classes, True)


@helper()
def _class(data, i, classes):
    """The class of the character at byte i, and its size; a byte that begins none is a symbol."""
    first = np.int64(data[i])
    if first < 0x80:
        return classes[first], 1
    size = 2 + (first >= 0xE0) + (first >= 0xF0)
    if first < 0xC2 or first >= 0xF5 or i + size > data.size:
        return np.uint8(OTHER), 1
    code = first & (0x7F >> size)
    for k in range(1, size):
        following = np.int64(data[i + k])
        if following & 0xC0 != 0x80:
            return np.uint8(OTHER), 1
        code = code << 6 | following & 0x3F
    # Written longer than need be, half of a surrogate pair, or beyond the last.
    if (
        (size == 3 and (code < 0x800 or 0xD800 <= code < 0xE000))
        or (size == 4 and code < 0x10000)
        or code >= CODE_POINTS
    ):
        return np.uint8(OTHER), 1
    return classes[code], size


@helper()
def _run(data, i, classes, kind):
    """The end of the characters of one class from byte i on."""
    while i < data.size:
        if data[i] < 0x80:
            if classes[data[i]] != kind:
                break
            i += 1
        else:
            other, size = _class(data, i, classes)
            if other != kind:
                break
            i += size
    return i


@helper()
def _three(data, i, classes):
    """The end of at most three numbers from byte i on."""
    for _ in range(3):
        if i == data.size:
            break
        kind, size = _class(data, i, classes)
        if kind != NUMBER:
            break
        i += size
    return i


@helper()
def _white(data, start, classes, to_line_end):
    """The end of a piece of white space: behind its last line end, if that is asked for and
    there is one; else before its last character, which goes with what follows."""
    i, last, line_end = start, start, 0
    while i < data.size:
        kind, size = _class(data, i, classes)
        if kind != SPACE:
            break
        last = i
        i += size
        if data[last] == _NEWLINE or data[last] == _RETURN:
            line_end = i
    if to_line_end and line_end:
        return line_end
    return i if i == data.size or last == start else last


@helper()
def _contraction(data, start, any_case):
    """The end of 's, 't, 're, 've, 'm, 'll or 'd at byte `start`; else `start` itself."""
    fold = 0x20 if any_case else 0
    left = data.size - start
    if left < 2:
        return start
    first = np.int64(data[start + 1])
    if first < 0x80:
        first |= fold & (0x20 if first >= 0x40 else 0)
    if first in (_S, _D, _M, _T):
        return start + 2
    if left < 3:
        return start
    second = np.int64(data[start + 2])
    # The long s, U+017F, is a small letter of S.
    if any_case and first == 0xC5 and second == 0xBF:
        return start + 3
    if second < 0x80:
        second |= fold & (0x20 if second >= 0x40 else 0)
    if (first == _L and second == _L) or (second == _E and first in (_R, _V)):
        return start + 3
    return start
