"""The textbook's example, ties and bounds."""

from __future__ import annotations

import numpy as np
import pytest

from minilm.reference import bpe_training


def train(words: dict[str, int], n_merges: int, **options: int) -> list[str]:
    """The merges, in letters."""
    data = [word.encode() for word in words]
    pieces = np.frombuffer(b"".join(data), np.uint8)
    ends = np.cumsum([len(word) for word in data], dtype=np.int64)
    counts = np.array([*words.values()], np.int64)
    byte_ids = options.pop("byte_ids", np.arange(256))
    pairs = bpe_training.train(pieces, ends, counts, n_merges, byte_ids, **options)
    tokens = [""] * 256
    for value in range(256):
        tokens[byte_ids[value]] = chr(value)
    for left, right in pairs.tolist():
        tokens.append(tokens[left] + tokens[right])
    return tokens[256:]


def test_the_most_frequent_pair_is_joined_first() -> None:
    # Sennrich, Haddow and Birch 2016, without their end of word: "es" and "st" are equally
    # frequent, nine times, and "e" is the lesser left part; so it is in "new", six times.
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    assert train(words, 5) == ["es", "est", "lo", "low", "ew"]


def test_ties_go_to_the_least_left_and_then_the_least_right_id() -> None:
    assert train({"bd": 1, "bc": 1, "ad": 1}, 3) == ["ad", "bc", "bd"]
    backwards = np.arange(256)[::-1]
    assert train({"bd": 1, "bc": 1, "ad": 1}, 3, byte_ids=backwards) == ["bd", "bc", "ad"]


def test_overlaps_count() -> None:
    # (a, a) stands twice in "aaa", so it is before (x, y), though only once to be joined.
    assert train({"aaa": 2, "xy": 3}, 2) == ["aa", "xy"]


def test_left_to_right() -> None:
    # (aa)(aa)a: "aaa" is then made of the last two.
    text, end = np.frombuffer(b"aaaaa", np.uint8), np.array([5])
    pairs = bpe_training.train(text, end, np.array([1]), 3, np.arange(256))
    assert pairs.tolist() == [[97, 97], [256, 97], [256, 257]]


@pytest.mark.parametrize(("least", "found"), [(0, 2), (1, 2), (2, 1), (3, 1), (4, 0)])
def test_pairs_that_are_too_rare_are_left(least: int, found: int) -> None:
    assert len(train({"ab": 3, "cd": 1}, 10, min_count=least)) == found


def test_nothing_to_join() -> None:
    assert train({}, 5) == []
    assert train({"a": 5}, 5) == []
    assert train({"ab": 5}, 0) == []


def test_progress_is_told() -> None:
    told: list[int] = []
    pieces, ends = np.frombuffer(b"abab", np.uint8), np.array([4])
    bpe_training.train(pieces, ends, np.array([1]), 9, np.arange(256), progress=told.append)
    assert told == [1, 2]
