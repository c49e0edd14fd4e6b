"""Compiled twin of `minilm.reference.word_hashes`: hashes while it reads, keeps no word."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.bpe_table import constant
from minilm.kernels.jit import helper, kernel
from minilm.reference.word_hashes import ALONE, BETWEEN, DROPPED, ZERO

__all__ = ["ALONE", "BETWEEN", "DROPPED", "ZERO", "finalised", "hashes"]

_U = np.uint64
_BASIS, _PRIME = _U(0xCBF29CE484222325), _U(0x100000001B3)
_FIRST, _SECOND = _U(0xBF58476D1CE4E5B9), _U(0x94D049BB133111EB)
_SHIFT_1, _SHIFT_2, _SHIFT_3 = _U(30), _U(27), _U(31)


def hashes(
    codes: NDArray, text_ends: NDArray, letters: NDArray
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The hash of each word (w,), and how many words there are up to the end of each text (d,)."""
    ends = np.empty(text_ends.size, np.int64)
    found = np.empty(codes.size, np.uint64)
    n = _hashes(constant(codes), constant(text_ends), constant(letters), found, ends)
    return found[:n].copy(), ends


@helper()
def finalised(h):
    """All bits depend on all; one to one."""
    h = (h ^ (h >> _SHIFT_1)) * _FIRST
    h = (h ^ (h >> _SHIFT_2)) * _SECOND
    return h ^ (h >> _SHIFT_3)


@kernel(always=True)
def _hashes(codes, text_ends, letters, found, ends):
    n, start = 0, 0
    for d in range(text_ends.size):
        h, size, last = _BASIS, 0, BETWEEN
        for i in range(start, text_ends[d]):
            letter = letters[codes[i]]
            if letter == DROPPED or (letter == ZERO and size and last == ZERO):
                continue
            if letter == BETWEEN or letter & ALONE:
                if size:
                    found[n] = finalised(h)
                    n += 1
                h, size = _BASIS, 0
                if letter != BETWEEN:
                    found[n] = finalised((_BASIS ^ _U(letter)) * _PRIME)
                    n += 1
            else:
                h = (h ^ _U(letter)) * _PRIME
                size += 1
                last = letter
        if size:
            found[n] = finalised(h)
            n += 1
        ends[d] = n
        start = text_ends[d]
    return n
