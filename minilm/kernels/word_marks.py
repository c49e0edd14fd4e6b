"""What the words of `minilm.kernels.words` are cut at: marks in front, behind and inside."""

# mypy: allow-untyped-defs
from __future__ import annotations

from minilm.kernels.jit import helper
from minilm.reference.words import (
    CURRENCY,
    DASH,
    DIGIT,
    EDGE,
    HYPHEN,
    ICON,
    LOWER,
    UNCASED,
    UPPER,
)

__all__ = ["back", "front", "inside", "is_letter", "is_whole"]

_STOP, _PLUS, _MINUS, _TIMES, _CARET, _PERCENT, _COMMA = (ord(c) for c in ".+-*^%,")
_COLON, _LESS, _EQUALS, _GREATER, _SLASH = (ord(c) for c in ":<=>/")
_QUOTE, _RIGHT_QUOTE = ord("'"), 0x2019
_OPEN, _CLOSE, _SQUARE_OPEN, _SQUARE_CLOSE = (ord(c) for c in "()[]")
_CANNOT, _CAPITAL_CANNOT, _AND_OR = (
    tuple(ord(c) for c in word) for word in ("cannot", "Cannot", "and/or")
)
_N, _T, _L, _R, _V, _E, _S, _M, _D, _CAPITAL_S = (ord(c) for c in "ntlrvesmdS")


@helper()
def _dots(codes, i, last):
    n = 0
    while i + n < last and codes[i + n] == _STOP:
        n += 1
    return n


@helper()
def front(codes, classes, i, last):
    """The size of the mark at the front, or 0."""
    kind = classes[codes[i]] & 15
    if codes[i] == _STOP:
        dots = _dots(codes, i, last)
        return dots if dots >= 2 else 0
    if codes[i] == _PLUS:
        return 1 if i + 1 == last or classes[codes[i + 1]] & 15 != DIGIT else 0
    if EDGE <= kind <= DASH or kind == ICON:
        return 2 if i + 2 <= last and _is_pair(codes[i], codes[i + 1]) else 1
    return 0


@helper()
def _is_pair(a, b):
    """Two quotes, or a face such as :)"""
    if a == _COLON:
        return b in (_CLOSE, _OPEN, _SQUARE_CLOSE)
    if b == _COLON:
        return a in (_CLOSE, _OPEN, _SQUARE_OPEN)
    return a == _QUOTE and b == _QUOTE


@helper()
def back(codes, classes, first, last):
    """The size of the mark or clitic at the back, or 0; something is left before a clitic."""
    i = last - 1
    if codes[i] == _STOP:
        start = i
        while start > first and codes[start - 1] == _STOP:
            start -= 1
        if last - start >= 2:
            return last - start
        return 1 if _ends_sentence(codes, classes, first, i) else 0
    kind = classes[codes[i]] & 15
    if kind in (EDGE, DASH, ICON):
        return 2 if i > first and _is_pair(codes[i - 1], codes[i]) else 1
    if kind == CURRENCY or codes[i] == _PERCENT or codes[i] == _PLUS:
        return 1 if i > first and classes[codes[i - 1]] & 15 == DIGIT else 0
    return _clitic(codes, first, last)


@helper()
def _clitic(codes, first, last):
    size = last - first
    if size < 3:
        return 0
    if _is_spelt(codes, first, last, _CANNOT) or _is_spelt(codes, first, last, _CAPITAL_CANNOT):
        return 3
    a, b, c = codes[last - 3], codes[last - 2], codes[last - 1]
    if b in (_QUOTE, _RIGHT_QUOTE):
        if size > 3 and a == _N and c == _T:
            return 3
        return 2 if c in (_S, _M, _D, _CAPITAL_S) else 0
    if size > 3 and a in (_QUOTE, _RIGHT_QUOTE):
        return 3 if (b == _L and c == _L) or (c == _E and b in (_R, _V)) else 0
    return 0


@helper()
def _is_spelt(codes, first, last, word):
    if last - first != len(word):
        return False
    i = 0
    while i < len(word) and codes[first + i] == word[i]:
        i += 1
    return i == len(word)


@helper()
def is_whole(codes, first, last):
    """Whether nothing is cut inside."""
    for i in range(first + 1, last - 1):
        if codes[i] == _SLASH and codes[i - 1] == _COLON and codes[i + 1] == _SLASH:
            return True
    return _is_spelt(codes, first, last, _AND_OR)


@helper()
def is_letter(kind):
    return LOWER <= kind <= UNCASED


@helper()
def _ends_sentence(codes, classes, first, i):
    """Whether the full stop at i is a word of its own."""
    if i == first:
        return False
    before = classes[codes[i - 1]] & 15
    if is_letter(before) and (i - 1 == first or codes[i - 2] == _STOP):
        return False
    if before == UPPER:
        return classes[codes[i - 2]] & 15 == UPPER
    if before in (LOWER, UNCASED, DIGIT, EDGE):
        return True
    return codes[i - 1] == _PERCENT or codes[i - 1] == _MINUS or codes[i - 1] == _PLUS


@helper()
def inside(codes, classes, first, i, last):
    """The size of the mark at which the chunk is cut at i, or 0."""
    mark = codes[i]
    kind = classes[mark] & 15
    if mark == _STOP:
        dots = _dots(codes, i, last)
        if dots >= 2:
            return dots
    if kind == ICON:
        return 1
    is_hyphen = kind in (HYPHEN, DASH)
    size = 1
    while is_hyphen and size < 3 and i + size < last and codes[i + size] == mark:
        size += 1
    if i == first or i + size >= last:
        return 0
    left, right = classes[codes[i - 1]] & 15, classes[codes[i + size]] & 15
    sign = mark in (_PLUS, _MINUS, _TIMES, _CARET)
    if sign and left == DIGIT and (right == DIGIT or codes[i + 1] == _MINUS):
        return 1
    if mark == _STOP:
        low = left in (LOWER, UNCASED)
        return 1 if low and right in (UPPER, UNCASED) else 0
    if not is_letter(right):
        return 0
    if mark == _COMMA:
        return 1 if is_letter(left) else 0
    relation = mark in (_COLON, _LESS, _GREATER, _EQUALS)
    if is_hyphen or relation or mark == _SLASH:
        return size if is_letter(left) or left == DIGIT else 0
    return 0
