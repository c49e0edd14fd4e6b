from __future__ import annotations

import numpy as np
import pytest

from minilm.reference import philox

# The known answers for philox4x32 with 10 rounds that the Random123 library is tested with:
# counter, key (k0, k1), words.
KNOWN_ANSWERS = [
    (
        "00000000 00000000 00000000 00000000",
        "00000000 00000000",
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ),
    (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def words(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_known_answers(counter, key, expected):
    k0, k1 = words(key)
    result = philox.philox4x32(*words(counter), key=k0 | k1 << 32)
    assert result.dtype == np.uint32
    assert result.tolist() == words(expected)


def test_counters_broadcast():
    together = philox.philox4x32(np.arange(3), np.arange(2)[:, None], 7, 8, key=9)
    assert together.shape == (2, 3, 4)
    for i, j in np.ndindex(2, 3):
        assert np.array_equal(together[i, j], philox.philox4x32(j, i, 7, 8, key=9))


@pytest.mark.parametrize("shape", [(1,), (4,), (5,), (2, 3, 5), (0,), ()])
def test_the_word_of_an_element(shape):
    key, p = 2**40 + 3, 0.37
    keep = philox.keep_elements(shape, p, key)
    assert keep.shape == shape
    for i, kept in enumerate(keep.reshape(-1)):
        word = philox.philox4x32(i // 4, 0, 0, 0, key)[i % 4]
        assert kept == (word >= round(p * 2**32))


@pytest.mark.parametrize("n_key", [1, 4, 7])
def test_the_word_of_a_probability(n_key):
    key, p = 2**63 + 1, 0.37
    shape = (2, 3, 5, n_key)
    keep = philox.keep_probabilities(shape, p, key)
    assert keep.shape == shape
    for b, h, i, j in np.ndindex(shape):
        word = philox.philox4x32(j // 4, i, b * 3 + h, 1, key)[j % 4]
        assert keep[b, h, i, j] == (word >= round(p * 2**32))


def test_threshold():
    assert philox.threshold(0.0) == 0
    assert philox.threshold(0.5) == 2**31
    assert philox.threshold(0.1) == 429496730
    assert philox.threshold(1 - 2**-40) == 2**32 - 1  # 2^32 would not fit into a word


@pytest.mark.parametrize("p", [-0.1, 1.0, 2.0, float("nan")])
def test_impossible_probabilities(p):
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        philox.threshold(p)


def test_an_element_is_dropped_if_its_word_is_below_the_threshold_and_not_if_equal():
    word = int(philox.philox4x32(0, 0, 0, 0, key=5)[0])
    assert philox.keep_elements((1,), word / 2**32, 5).tolist() == [True]
    assert philox.keep_elements((1,), (word + 1) / 2**32, 5).tolist() == [False]
    word = int(philox.philox4x32(0, 0, 0, 1, key=5)[0])
    assert philox.keep_probabilities((1, 1, 1, 1), word / 2**32, 5).all()
    assert not philox.keep_probabilities((1, 1, 1, 1), (word + 1) / 2**32, 5).any()


def test_the_words_of_far_elements():
    """Past element 2^34 the number of the block needs a second word."""
    words = philox.element_words(np.array([7, 2**32 + 5, 3 * 2**32]), key=1)
    expected = [philox.philox4x32(c0, c1, 0, 0, key=1) for c0, c1 in ((7, 0), (5, 1), (0, 3))]
    np.testing.assert_array_equal(words, expected)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_of_dropped_elements(p):
    n = 200_000
    dropped = n - int(philox.keep_elements((n,), p, key=1).sum())
    assert abs(dropped - n * p) < 5 * (n * p * (1 - p)) ** 0.5


def test_keys_and_kinds_give_unrelated_masks():
    def agreement(a, b):
        return np.mean(a.reshape(-1) == b.reshape(-1))

    shape = (1, 1, 1, 40_000)
    one = philox.keep_elements(shape, 0.5, key=1)
    attention = philox.keep_probabilities(shape, 0.5, key=1)
    others = [philox.keep_elements(shape, 0.5, key=k) for k in (2, 1 + 2**32)]
    assert all(abs(agreement(one, other) - 0.5) < 0.0125 for other in [*others, attention])
