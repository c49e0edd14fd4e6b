"""Hashes of words: equal for equal words, compiled as defined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.code_points import code_points
from minilm.corpus.deduplication.normal import letters
from minilm.kernels import word_hashes as kernel
from minilm.reference import word_hashes as reference

TWINS = pytest.mark.parametrize("twin", [reference, kernel], ids=["reference", "kernels"])


def hashed(twin, *texts: str) -> list[list[int]]:
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    hashes, word_ends = twin.hashes(code_points("".join(texts)), ends, letters())
    assert (hashes.dtype, word_ends.dtype) == (np.uint64, np.int64)
    return [part.tolist() for part in np.split(hashes, word_ends)[:-1]]


@TWINS
def test_what_separates_and_what_is_dropped(twin) -> None:
    one, same = hashed(twin, "ab,c d-12 e3x", "  ab c\u0301 \u00add 9. e456x")
    assert one == same
    assert len(set(one)) == 5


@TWINS
def test_runs_of_digits_are_one_zero_and_letters_are_not(twin) -> None:
    # "1a1" is "0a0": the zero is not the same run.
    (words,) = hashed(twin, "1 22 0 1a1 1a 00a000 oo o 1\u03012")
    assert words[0] == words[1] == words[2] == words[8]
    assert words[3] == words[5]
    assert len(set(words)) == 5


@TWINS
def test_characters_that_are_words(twin) -> None:
    one, other = hashed(twin, "a\u65e5\u672cb", "a \u65e5 \u672c b")
    assert one == other
    assert len(one) == 4


@TWINS
def test_a_text_ends_its_last_word(twin) -> None:
    one, none, other = hashed(twin, "ab", "", "cd")
    assert (one, none, other) == (*hashed(twin, "ab"), [], *hashed(twin, "cd"))


def test_the_hash_is_the_published_one() -> None:
    """FNV-1a of "a" in 64 bits, before it is mixed, is af63dc4c8601ec8c."""
    h = np.array([0xAF63DC4C8601EC8C], np.uint64)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    h ^= h >> np.uint64(31)
    assert hashed(kernel, "a") == hashed(reference, "a") == [h.tolist()]


@given(st.lists(st.text("ab01\u0660 .-\u0301\u65e5\u00ad", max_size=20), max_size=5))
def test_equal_hashes(texts: list[str]) -> None:
    assert hashed(kernel, *texts) == hashed(reference, *texts)
