r"""Text into pieces: the words, numbers, symbols and spaces inside which byte pairs may merge.

Without this step "dog", "dog." and "dog!" would each become a token. GPT-2 and GPT-4 cut by
a regular expression, and a piece is what it matches next, from the first byte to the last:

    gpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    cl100k  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
            | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+

Every byte is in exactly one piece. The expressions ask of a character little more than
whether it is a letter, a number or white space, so that is all that `split` is told: a
table of classes. It writes the text anew with one ASCII character for each of the text's
and lets Python's own `re` cut that. A byte that is not UTF-8 counts as a symbol.

Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section
2.2; the expressions as released with GPT-2 and with the encoding cl100k_base.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CL100K",
    "CODE_POINTS",
    "GPT2",
    "LETTER",
    "NUMBER",
    "OTHER",
    "SPACE",
    "safe_cut",
    "split",
]

CODE_POINTS = 0x110000
OTHER, LETTER, NUMBER, SPACE = range(4)
GPT2, CL100K = range(2)

# What stands for a character beyond ASCII; "x" is a letter that no contraction has.
_STANDS_FOR = {OTHER: "!", LETTER: "x", NUMBER: "0", SPACE: "\t"}
# The one such letter that "s" means too when capitals and small letters are the same.
_LONG_S = 0x17F

_EXPRESSIONS = {
    GPT2: re.compile(
        r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+", re.ASCII
    ),
    CL100K: re.compile(
        r"'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]{1,3}"
        r"| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        re.ASCII,
    ),
}


def split(data: NDArray, classes: NDArray, pattern: int) -> NDArray[np.int64]:
    """The end of each piece of a text, as a position in its bytes.

    Parameters
    ----------
    data : (n,) uint8
        The text in UTF-8.
    classes : (CODE_POINTS,) uint8
        `LETTER`, `NUMBER`, `SPACE` or `OTHER` for each character.
    pattern : GPT2 or CL100K

    Returns
    -------
    (p,) int64
        Rising; the last is n.

    Examples
    --------
    >>> classes = np.zeros(CODE_POINTS, np.uint8)
    >>> classes[[*range(65, 91), *range(97, 123)]] = LETTER
    >>> classes[32] = SPACE
    >>> split(np.frombuffer(b"It's  so.", np.uint8), classes, GPT2).tolist()
    [2, 4, 5, 8, 9]
    """
    text = data.tobytes().decode("utf-8", "surrogateescape")
    stand_ins = "".join(_stand_in(ord(character), classes) for character in text)
    # Bytes before each character; one that is not UTF-8 came in as half of a surrogate pair.
    sizes = [_size(ord(character)) for character in text]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    ends = [match.end() for match in _EXPRESSIONS[pattern].finditer(stand_ins)]
    return starts[np.array(ends, np.int64)]


def safe_cut(data: NDArray, classes: NDArray) -> int:
    """The last place at which a text may be cut without changing its pieces; 0 if none is sure.

    It lies behind a letter or a number that a character of another class follows, or before
    white space other than a line end: no piece of either pattern goes across such a place,
    and none before it depends on what follows.

    Parameters
    ----------
    data : (n,) uint8
        The text in UTF-8, which may end within a character.
    classes : (CODE_POINTS,) uint8
    """
    text = data.tobytes().decode("utf-8", "surrogateescape")
    position = data.size
    for before, after in zip(text[-2::-1], text[:0:-1], strict=True):
        position -= _size(ord(after))
        if 0xDC80 <= ord(before) < 0xDD00 or 0xDC80 <= ord(after) < 0xDD00:
            continue
        left, right = classes[ord(before)], classes[ord(after)]
        ends_word = left in (LETTER, NUMBER) and right != left
        if ends_word or (left != SPACE and right == SPACE and after not in "\r\n"):
            return position
    return 0


def _stand_in(code: int, classes: NDArray) -> str:
    if code == _LONG_S:
        return "S"
    return chr(code) if code < 0x80 else _STANDS_FOR[int(classes[code])]


def _size(code: int) -> int:
    if 0xDC80 <= code < 0xDD00:
        return 1
    return 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000)
