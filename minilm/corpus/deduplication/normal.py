"""What of a text counts when it is compared with others: its words, in their plainest form.

Capitals become small letters, each number a 0; accents, invisible characters and punctuation
go. In scripts without spaces each character is a word. What remains differs if the text does.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from minilm.backend import ops
from minilm.corpus.code_points import code_points
from minilm.reference.word_hashes import ALONE, BETWEEN, DROPPED, ZERO
from minilm.reference.words import CODE_POINTS

__all__ = ["batches", "letters", "normalised", "word_hashes"]

# Thai and Lao, Myanmar, Khmer, kana and the ideographs, and Myanmar's extensions.
_WITHOUT_SPACES = (
    (0x0E00, 0x0F00),
    (0x1000, 0x10A0),
    (0x1780, 0x1800),
    (0x3005, 0x3008),
    (0x3040, 0x3100),
    (0x31F0, 0x3200),
    (0x3400, 0xA000),
    (0xA9E0, 0xAA00),
    (0xAA60, 0xAA80),
    (0xF900, 0xFB00),
    (0x20000, 0x40000),
)
_LAST_PLANE = 0x40000
_ZEROS = re.compile("00+")
_BATCH = 1 << 22


@functools.cache
def letters() -> NDArray[np.uint32]:
    """What becomes of every character (CODE_POINTS,), as `minilm.reference.word_hashes` reads it.

    By `unicodedata` of the running Python, so letters that its version does not know separate.
    """
    table = np.full(CODE_POINTS, BETWEEN, np.uint32)
    table[:_LAST_PLANE] = [_letter(code) for code in range(_LAST_PLANE)]
    # Tags and variation selectors, the only others.
    table[0xE0000:0xE0200] = DROPPED
    table.setflags(write=False)
    return table


def _letter(code: int) -> int:
    category = unicodedata.category(chr(code))
    if category == "Nd":
        return ZERO
    if category in ("Mn", "Me", "Cf"):
        return DROPPED
    if category[0] not in "LN" and category != "Mc":
        return BETWEEN
    alone = any(first <= code < end for first, end in _WITHOUT_SPACES)
    return code + ALONE * alone


def normalised(text: str) -> str:
    """The words of a text as they are compared, with one blank between them.

    Examples
    --------
    >>> normalised("It's the Café, No. 12!  (Since 1924)")
    'it s the cafe no 0 since 0'
    >>> normalised("東京 tower")
    '東 京 tower'
    """
    found = letters()[code_points(_decomposed(text))]
    found = found[found != DROPPED]
    alone = found & ALONE != 0
    # A blank on both sides of a character that is a word.
    places = np.cumsum(1 + 2 * alone) - 1 - alone
    spaced = np.full(int(places[-1]) + 2 if found.size else 0, ord(" "), np.uint32)
    spaced[places] = np.where(found == BETWEEN, ord(" "), found & ~np.uint32(ALONE))
    decoded = spaced.astype("<u4").tobytes().decode("utf-32-le")
    return " ".join(_ZEROS.sub("0", decoded).split())


def _decomposed(text: str) -> str:
    lower = text.lower()
    return lower if lower.isascii() else unicodedata.normalize("NFD", lower)


def word_hashes(texts: Iterable[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A hash of each word of each text (w,), and how many there are up to each text's end (d,)."""
    parts = [_decomposed(text) for text in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    hashes, word_ends = ops.word_hashes.hashes(code_points("".join(parts)), ends, letters())
    return hashes, word_ends


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in lists of some million characters, so that their arrays stay small."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text) + 1
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
