"""The compiled words are those of the reference, on text made of everything that cuts."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from minilm.corpus.code_points import code_points
from minilm.corpus.filters.characters import classes
from minilm.kernels import words as kernel
from minilm.reference import words as reference

ALPHABET = "anAN19 \n.'\u2019,;:-~\u2014()[]+*^/<>=%$\u20ac#_\u2026\u2603\u65e5\u0301"
PIECES = [
    "n't",
    "'ll",
    "'s",
    "'S",
    "cannot",
    "Cannot",
    "://",
    "..",
    "--",
    ":)",
    "''",
    "e.g.",
    "the",
]

texts = st.one_of(
    st.text(ALPHABET, max_size=30),
    st.lists(
        st.one_of(st.sampled_from([*PIECES, " "]), st.sampled_from(ALPHABET)), max_size=12
    ).map("".join),
    st.text(max_size=20),
)


@given(texts)
@example("\ud800.")
@example("\U0010ffff-a")
def test_equal_words(text: str) -> None:
    codes = code_points(text)
    expected = reference.split(codes, classes())
    found = kernel.split(codes, classes())
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == np.int64
    starts, ends = found
    # All but white space is in one word each.
    assert (starts < ends).all()
    assert (starts[1:] >= ends[:-1]).all()
    assert (ends - starts).sum() == sum(not character.isspace() for character in text)


@given(texts)
def test_equal_figures(text: str) -> None:
    codes = code_points(text)
    spans = kernel.split(codes, classes())
    stop_words = ("the", "a", "nn", "N", "Cannot", "and/or", "\u65e5")
    assert kernel.figures(codes, *spans, classes(), stop_words) == reference.figures(
        codes, *spans, classes(), stop_words
    )
    assert kernel.figures(codes, *spans, classes(), ()) == reference.figures(
        codes, *spans, classes(), ()
    )


@given(texts)
def test_equal_sentences(text: str) -> None:
    codes = code_points(text)
    spans = kernel.split(codes, classes())
    assert kernel.sentences(codes, *spans, classes()) == reference.sentences(
        codes, *spans, classes()
    )
