"""Signatures: the least of each order, and what sharing a band says of similarity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.kernels import minhash as kernel
from minilm.reference import minhash as reference

TWINS = pytest.mark.parametrize("twin", [reference, kernel], ids=["reference", "kernels"])


def orders(n: int, seed: int = 0):
    a, b = np.random.default_rng(seed).integers(0, 2**64, (2, n), np.uint64)
    return a | np.uint64(1), b


def texts_of(sizes: list[int], n_words: int, seed: int = 0):
    generator = np.random.default_rng(seed)
    vocabulary = generator.integers(0, 2**64, n_words, np.uint64)
    return vocabulary[generator.integers(0, n_words, sum(sizes))], np.cumsum(sizes)


@TWINS
def test_shingles_are_equal_when_their_words_are_in_order(twin) -> None:
    words = np.array([1, 2, 3, 1, 2, 3, 2, 1], np.uint64)
    found, ends = twin.shingles(words, np.array([8]), 3)
    assert ends.tolist() == [6]
    assert found[0] == found[3]
    assert len(set(found.tolist())) == 5


@TWINS
def test_a_short_text_is_one_shingle_and_an_empty_one_none(twin) -> None:
    words = np.array([5, 6, 5, 6, 7], np.uint64)
    found, ends = twin.shingles(words, np.array([2, 2, 5]), 4)
    assert ends.tolist() == [1, 1, 2]
    whole, _ = twin.shingles(words[:2], np.array([2]), 2)
    assert found[0] == whole[0]


@TWINS
def test_signatures_are_least_values(twin) -> None:
    words, ends = texts_of([9, 2, 0, 30], 20)
    a, b = orders(5)
    found = twin.signatures(words, ends, 3, a, b)
    hashed, shingle_ends = reference.shingles(words, ends, 3)
    for text, of_text in zip(found.tolist(), np.split(hashed, shingle_ends)[:-1], strict=True):
        shingles = [int(x) for x in of_text]
        for k in range(5):
            values = [(int(a[k]) * x + int(b[k])) % 2**64 for x in shingles]
            assert text[k] == min(values, default=reference.NONE)


@given(st.lists(st.integers(0, 12), max_size=5), st.integers(1, 6), st.integers(0, 3))
def test_equal_twins(sizes: list[int], n: int, seed: int) -> None:
    words, ends = texts_of(sizes, 5, seed)
    ends = np.array(ends, np.int64)
    for found, expected in zip(
        kernel.shingles(words, ends, n), reference.shingles(words, ends, n), strict=True
    ):
        np.testing.assert_array_equal(found, expected, strict=True)
    np.testing.assert_array_equal(
        kernel.signatures(words, ends, n, *orders(7)),
        reference.signatures(words, ends, n, *orders(7)),
        strict=True,
    )


def test_bands() -> None:
    generator = np.random.default_rng(0)
    one = generator.integers(0, 2**64, (4, 6), np.uint64)
    one[1] = one[0]
    one[1, 2] += np.uint64(1)
    one[2] = reference.NONE
    one[3] = np.tile(one[3, :2], 3)
    keys = reference.bands(one, 3)
    assert keys.shape == (4, 3)
    # Only the band with the changed number differs.
    assert (keys[0] == keys[1]).tolist() == [True, False, True]
    assert (keys[2] == np.uint64(reference.NONE)).all()
    # The same numbers in another band are another key.
    assert len(set(keys[3].tolist())) == 3
    assert len(set(np.delete(keys, [1, 2], axis=0).ravel().tolist())) == 6
    # Numbers that change places change the key.
    assert reference.bands(one[:1, ::-1], 1) != reference.bands(one[:1], 1)


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.8, 0.9])
def test_collisions_are_as_frequent_as_the_formula_says(similarity: float) -> None:
    """Pairs of sets of exactly this Jaccard similarity, 14 bands of 8."""
    n_pairs, n_union = 1500, 100
    n_both = round(similarity * n_union)
    generator = np.random.default_rng(7)
    sets = []
    for _ in range(n_pairs):
        union = generator.integers(0, 2**64, n_union, np.uint64)
        own = np.arange(n_union) % 2 == 0
        in_both = np.arange(n_union) < n_both
        sets += [union[in_both | own], union[in_both | ~own]]
    sizes = [len(one) for one in sets]
    found = kernel.signatures(np.concatenate(sets), np.cumsum(sizes), 1, *orders(112))
    # The numbers themselves agree as often as the sets do.
    agree = (found[::2] == found[1::2]).mean()
    assert abs(agree - similarity) < 0.01
    keys = kernel.bands(found, 14)
    rate = (keys[::2] == keys[1::2]).any(axis=1).mean()
    expected = 1 - (1 - similarity**8) ** 14
    deviation = (expected * (1 - expected) / n_pairs) ** 0.5
    assert abs(rate - expected) < 4 * deviation + 0.002
