"""What of a text is compared: equal for what differs by chance, different for what does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.deduplication import normalised
from minilm.corpus.deduplication.normal import batches, word_hashes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("  --  ... \n", ""),
        ("The CAT's 3 hats,in 1,250 Boxes", "the cat s 0 hats in 0 0 boxes"),
        ("Café naïve A\u030angstro\u0308m", "cafe naive angstrom"),
        ("co\u00adop e\u200bx", "coop ex"),
        ("\u0661\u0662 x9", "0 x0"),
        ("\u65e5\u672c go \u30ab", "\u65e5 \u672c go \u30ab"),
        ("\u0915\u093f", "\u0915\u093f"),
        ("\u00b2 \u216b \u00ac $5", "\u00b2 \u217b 0"),
        ("a_b-c/d", "a b c d"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert normalised(text) == expected
    _, ends = word_hashes([text])
    assert ends.tolist() == [len(expected.split())]


@given(st.lists(st.text("aB1 .é\u0301\u65e5\u00ad\u0130\u1e9e", max_size=15), max_size=4))
def test_hashes_are_those_of_the_normalised_words(texts: list[str]) -> None:
    hashes, ends = word_hashes(texts)
    plain, plain_ends = word_hashes([normalised(text) for text in texts])
    np.testing.assert_array_equal(hashes, plain)
    np.testing.assert_array_equal(ends, plain_ends)
    words = [word for text in texts for word in normalised(text).split()]
    assert len(set(words)) == len(set(hashes.tolist()))


def test_lone_surrogates_separate() -> None:
    assert normalised("a\ud800b") == "a b"
    assert word_hashes(["a\ud800b"])[1].tolist() == [2]


def test_batches_hold_all_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minilm.corpus.deduplication.normal._BATCH", 10)
    texts = ["x" * n for n in (3, 9, 1, 0, 0, 30, 2)]
    found = list(batches(iter(texts)))
    assert [text for batch in found for text in batch] == texts
    assert [len(batch) for batch in found] == [2, 4, 1]
    assert list(batches([])) == []
