"""What each character is to a filter: a letter, a symbol, the end of a sentence, a place to cut.

Most of it is `unicodedata` of the running Python. Two lists are fixed, since published filters
count by them: the symbols, which a word must have more than, and the marks that end a sentence.
"""

from __future__ import annotations

import functools
import string
import unicodedata

import numpy as np
from numpy.typing import NDArray

from minilm.reference.words import (
    ALPHA,
    CODE_POINTS,
    CURRENCY,
    DASH,
    DIGIT,
    EDGE,
    FRONT,
    HYPHEN,
    ICON,
    LOWER,
    OTHER,
    PUNCTUATION,
    SPACE,
    SYMBOL,
    TERMINAL,
    UNCASED,
    UPPER,
)

__all__ = ["classes", "symbols", "terminal_marks"]

# Unicode's property Sentence_Terminal, version 15.1: code points and ranges of them.
_TERMINAL = """
21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E
1735-1736 17D4-17D6 17D9-17DA 1803 1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1B7D-1B7E
1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E 2E3C 2E53-2E54 3002 A4FF A60E-A60F A6F3 A6F7
A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52 FE56-FE57 FF01 FF0E FF1F FF61
10A56-10A57 10F55-10F59 10F86-10F89 11047-11048 110BE-110C1 11141-11143 111C5-111C6 111CD
111DE-111DF 11238-11239 1123B-1123C 112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642
1173C-1173E 11944 11946 11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F
16AF5 16B37-16B38 16B44 16E98 1BC9F 1DA88
"""
# Beyond these and ASCII: quotes, dashes and the wide forms of East Asian text.
_SYMBOLS = "«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～"

# Where ASCII marks are cut, if not as their general category says.
_ASCII = {
    **dict.fromkeys("<>`", EDGE),
    **dict.fromkeys("%=", FRONT),
    **dict.fromkeys("-~", HYPHEN),
    **dict.fromkeys("./\\@|^+", OTHER),
}
_BY_CATEGORY = {
    **dict.fromkeys(("Ps", "Pe", "Pi", "Pf", "Po", "Pc"), EDGE),
    **dict.fromkeys(("Lu", "Lt"), UPPER),
    **dict.fromkeys(("Lo", "Lm", "Mn", "Mc"), UNCASED),
    "Ll": LOWER,
    "Nd": DIGIT,
    "Pd": DASH,
    "Sc": CURRENCY,
    "So": ICON,
}
# Beyond this lie tags, private use, and nothing.
_LAST_PLANE = 0x40000


@functools.cache
def terminal_marks() -> frozenset[str]:
    """The characters that end a sentence, in all scripts."""
    found: set[str] = set()
    for run in _TERMINAL.split():
        first, _, last = run.partition("-")
        found |= {chr(code) for code in range(int(first, 16), int(last or first, 16) + 1)}
    return frozenset(found)


@functools.cache
def symbols() -> frozenset[str]:
    """The characters of which a word must have others too, to count as more than a symbol."""
    control = [chr(code) for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"]
    return terminal_marks().union(string.punctuation, _SYMBOLS, control)


@functools.cache
def classes() -> NDArray[np.uint8]:
    """The class of every code point (CODE_POINTS,), as `minilm.reference.words` reads it."""
    terminal, symbol = terminal_marks(), symbols()
    table = np.zeros(CODE_POINTS, np.uint8)
    table[:_LAST_PLANE] = [_class(chr(c), terminal, symbol) for c in range(_LAST_PLANE)]
    table.setflags(write=False)
    return table


def _class(character: str, terminal: frozenset[str], symbol: frozenset[str]) -> int:
    category = unicodedata.category(character)
    kind = SPACE if character.isspace() else _BY_CATEGORY.get(category, OTHER)
    if character in _ASCII:
        kind = _ASCII[character]
    elif character == "\u2026":
        kind = ICON
    return (
        kind
        | SYMBOL * (character in symbol)
        | ALPHA * character.isalpha()
        | TERMINAL * (character in terminal)
        | PUNCTUATION * category.startswith("P")
    )
