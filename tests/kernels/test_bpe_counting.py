"""Counting pieces in a table that grows equals counting them in a dictionary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.kernels import bpe_counting as kernel
from minilm.reference import bpe_counting as reference
from minilm.tokenizers.bpe.code_points import classes

words = st.text("ab \0é", max_size=40)


def counts(twin, texts: list[bytes]) -> dict[bytes, int]:
    counter = twin.PieceCounts(classes(), 0)
    for text in texts:
        counter.add(np.frombuffer(text, np.uint8))
    pieces, ends, numbers = counter.result()
    starts = [0, *ends.tolist()][:-1]
    found = [bytes(pieces[a:b]) for a, b in zip(starts, ends.tolist(), strict=True)]
    assert len(set(found)) == len(found)
    assert pieces.dtype == np.uint8
    return dict(zip(found, numbers.tolist(), strict=True))


@given(st.lists(words.map(str.encode), max_size=4))
def test_equal_counts(texts: list[bytes]) -> None:
    assert counts(kernel, texts) == counts(reference, texts)


def test_pieces_that_differ_in_length_alone() -> None:
    """A short piece is its own key, filled up with zeros: so the length must count."""
    texts = [b"!", b"!\0", b"!" + b"\0" * 7, b"!" + b"\0" * 15, b"!" + b"\0" * 16]
    assert counts(kernel, texts) == dict.fromkeys(texts, 1)


def test_pieces_of_all_lengths_about_the_bounds_of_a_word() -> None:
    texts = [bytes(range(97, 97 + size)) for size in range(1, 26)] * 2
    assert counts(kernel, texts) == dict.fromkeys(texts[:25], 2)


@pytest.mark.parametrize("size", [5, 30])
def test_the_table_grows(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_ROWS", 4)
    monkeypatch.setattr(kernel, "_KEPT", 8)
    generator = np.random.default_rng(size)
    names = [bytes(name) for name in generator.integers(97, 123, (300, size), np.uint8)]
    text = b" ".join([*names, *names[::2]])
    assert counts(kernel, [text, text]) == counts(reference, [text, text])
