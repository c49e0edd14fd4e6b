r"""The words of texts as 64-bit hashes, for comparing texts by what words they have.

Of a text only its words count here, and of those only their letters and whether there is a
number: what else differs between copies of a text is chance. A table says what becomes of
each character. It is a letter (perhaps written as another); a digit, of which a run counts as
a single "0"; dropped, as an accent is; a word alone, as in scripts without spaces; or, like
white space and punctuation, between words.

    "Café №12, 2nd."  ->  cafe 0 0nd      (lower case and decomposed before)

The hash of a word is FNV-1a over its characters, then mixed so that all bits depend on all:

    h = (h ^ c) * 0x100000001B3  for each c, from 0xCBF29CE484222325 on

Source: Fowler, Noll and Vo, "The FNV Non-Cryptographic Hash Algorithm" (RFC 9923); the mixing
is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALONE", "BETWEEN", "DROPPED", "ZERO", "hashes"]

# In a table of letters; any other entry is the code point that stands for the character.
BETWEEN, DROPPED, ZERO = 0, 1, ord("0")
# Added to the code point of a character that is a word alone.
ALONE = 1 << 31

_BASIS, _PRIME = 0xCBF29CE484222325, 0x100000001B3
_ALL = 2**64 - 1


def hashes(
    codes: NDArray, text_ends: NDArray, letters: NDArray
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The hash of each word of each text.

    Parameters
    ----------
    codes : (n,) uint32
        The code points of the texts, one behind the other.
    text_ends : (d,) int64
        Where each text ends.
    letters : (CODE_POINTS,) uint32
        What becomes of each character: `BETWEEN`, `DROPPED`, or a code point, with `ALONE`
        added if it is a word alone.

    Returns
    -------
    hashes : (w,) uint64
    ends : (d,) int64
        How many words there are up to the end of each text.

    Examples
    --------
    >>> letters = np.zeros(0x110000, np.uint32)
    >>> letters[97:123] = range(97, 123)
    >>> codes = np.frombuffer("to be or not to".encode("utf-32-le"), np.uint32)
    >>> found, ends = hashes(codes, np.array([9, 15]), letters)
    >>> len(found), ends.tolist(), bool(found[0] == found[4]), bool(found[0] == found[1])
    (5, [3, 5], True, False)
    """
    found: list[int] = []
    ends = []
    start = 0
    for end in text_ends.tolist():
        word: list[int] = []
        for letter in [*letters[codes[start:end]].tolist(), BETWEEN]:
            if letter == DROPPED or (letter == ZERO and word and word[-1] == ZERO):
                continue
            if word and (letter == BETWEEN or letter & ALONE):
                found.append(_hash(word))
                word = []
            if letter & ALONE:
                found.append(_hash([letter]))
            elif letter != BETWEEN:
                word.append(letter)
        ends.append(len(found))
        start = end
    return np.array(found, np.uint64), np.array(ends, np.int64)


def _hash(word: list[int]) -> int:
    h = _BASIS
    for code in word:
        h = ((h ^ code) * _PRIME) & _ALL
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & _ALL
    return h ^ (h >> 31)
