"""The table of classes agrees with Python's, as far as its Unicode version goes."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from minilm.reference.bpe_pieces import CODE_POINTS, LETTER, NUMBER, OTHER, SPACE
from minilm.tokenizers.bpe.code_points import UNICODE_VERSION, classes


def test_agrees_with_python() -> None:
    """Python may know fewer characters than the table, or more; those that both know agree."""
    table = classes()
    older = tuple(map(int, unicodedata.unidata_version.split("."))) <= tuple(
        map(int, UNICODE_VERSION.split("."))
    )
    for code in range(CODE_POINTS):
        category = unicodedata.category(chr(code))
        kind = {"L": LETTER, "N": NUMBER}.get(category[0], OTHER)
        if table[code] == SPACE:
            assert category in ("Zs", "Zl", "Zp", "Cc"), hex(code)
        elif category != "Cn" and older:
            assert table[code] == kind, hex(code)
        elif category == "Cn" and not older:
            assert table[code] == OTHER, hex(code)


def test_sizes_of_unicode_16() -> None:
    counts = np.bincount(classes()).tolist()
    assert counts[1:] == [141028, 1911, 25]


def test_white_space() -> None:
    found = np.flatnonzero(classes() == SPACE).tolist()
    wide = [0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
    assert found == [*range(9, 14), 0x20, 0x85, 0xA0, *wide]


def test_nobody_can_change_it() -> None:
    with pytest.raises(ValueError, match="read-only"):
        classes()[65] = 0
