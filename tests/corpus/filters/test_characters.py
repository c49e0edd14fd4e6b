"""The table of characters: one class each, and the two fixed lists."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from minilm.corpus.filters.characters import classes, symbols, terminal_marks
from minilm.reference import words


def kind(character: str) -> int:
    return int(classes()[ord(character)]) & 15


@pytest.mark.parametrize(
    ("characters", "expected"),
    [
        (" \t\n\x0b\x1c\x85\u00a0\u2003\u3000", words.SPACE),
        ("aé\u00df\u03b1", words.LOWER),
        ("AÉ\u0391\u01c5", words.UPPER),
        ("\u05d0\u65e5\u0e01\u0903\u0301", words.UNCASED),
        ("09\u0660", words.DIGIT),
        ("()[]{}<>,;:!?\"'`_#*&\u00bf\u201c\u2019\u3002", words.EDGE),
        ("%=", words.FRONT),
        ("$\u20ac", words.CURRENCY),
        ("\u2013\u2014", words.DASH),
        ("-~", words.HYPHEN),
        ("\u2026\u2603\U0001f600", words.ICON),
        ("./\\@|^+\u00ad\u200b", words.OTHER),
    ],
)
def test_where_it_is_cut(characters: str, expected: int) -> None:
    assert [kind(character) for character in characters] == [expected] * len(characters)


def test_what_it_is() -> None:
    table = classes()
    for code in [*range(0x3000), *range(0x1F600, 0x1F650), 0x20000, sys.maxunicode]:
        character, flags = chr(code), int(table[code])
        assert bool(flags & words.ALPHA) == character.isalpha()
        assert bool(flags & words.PUNCTUATION) == unicodedata.category(character).startswith("P")
        assert bool(flags & words.SYMBOL) == (character in symbols())
        assert bool(flags & words.TERMINAL) == (character in terminal_marks())
        assert (flags & 15 == words.SPACE) == character.isspace()


def test_fixed_lists() -> None:
    assert terminal_marks() > set(".!?\u3002\u0964\u203d")
    assert not terminal_marks() & set(",;:\u2026\"'a ")
    assert len(terminal_marks()) == 159
    assert symbols() > terminal_marks() | set("$&+<=>^`|~\x00\x0b\x7f\u9f00"[:-1])
    assert not symbols() & set("aA0 \t\n\u20ac")
