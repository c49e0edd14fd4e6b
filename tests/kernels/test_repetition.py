"""Repeated runs of words: by hand, and the compiled figures equal those of the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.filters.words import Words
from minilm.kernels import repetition as kernel
from minilm.reference import repetition as reference

TWINS = pytest.mark.parametrize("twin", [reference, kernel], ids=["reference", "kernels"])


@TWINS
def test_by_hand(twin) -> None:
    words = Words.join(["aa", "b", "aa", "b", "aa", "b", "c"])
    # "aa b" three times; the walk for duplicates: aa b, b aa, [aa b], [aa b], b c.
    assert twin.characters(*words, [1, 2, 7, 8], [2, 8]).tolist() == [6, 12, 16, 0, 6, 0]


@TWINS
def test_of_equally_frequent_runs_the_first_counts(twin) -> None:
    # The runs "long long" and "x x" are seen twice, and the second is complete before.
    words = Words.join(["long", "long", "y", "x", "x", "z", "x", "x", "y", "long", "long"])
    assert twin.characters(*words, [2], []).tolist() == [2 * 9]
    words = Words.join(["x", "x", "z", "long", "long", "y", "long", "long", "w", "x", "x"])
    assert twin.characters(*words, [2], []).tolist() == [2 * 3]


@TWINS
def test_duplicates_are_equal_without_blanks_and_tops_with_them(twin) -> None:
    words = Words.join(["12", "3", "x", "1", "23"])
    assert twin.characters(*words, [2], [2]).tolist() == [4, 3]


@TWINS
def test_no_words(twin) -> None:
    assert twin.characters(*Words.join([]), [2], [5]).tolist() == [0, 0]


@given(st.lists(st.text("ab\u65e5\U0001f600", min_size=1, max_size=3), max_size=60))
def test_equal_figures(words: list[str]) -> None:
    arguments = (*Words.join(words), [1, 2, 3, 4], [1, 2, 5, 10])
    np.testing.assert_array_equal(
        kernel.characters(*arguments), reference.characters(*arguments), strict=True
    )


def test_a_long_text_whose_words_repeat() -> None:
    generator = np.random.default_rng(0)
    names = [chr(97 + i % 26) * (1 + i // 26) for i in range(60)]
    words = [names[i] for i in generator.zipf(1.4, 5000) % 60]
    words += words[100:400]
    arguments = (*Words.join(words), [2, 3, 4], [5, 6, 7, 8, 9, 10])
    expected = reference.characters(*arguments)
    assert (expected > 0).all()
    np.testing.assert_array_equal(kernel.characters(*arguments), expected)
