"""Merges by incremental counts equal those of counting anew each time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.errors import MinilmError
from minilm.kernels import bpe_training as kernel
from minilm.reference import bpe_training as reference

pieces = st.dictionaries(
    st.text("abc", min_size=1, max_size=12) | st.text("a", min_size=1, max_size=30),
    st.integers(1, 4),
    max_size=12,
)


def arguments(words: dict[str, int]) -> tuple[np.ndarray, ...]:
    data = [word.encode() for word in words]
    ends = np.cumsum([len(word) for word in data], dtype=np.int64)
    joined = np.frombuffer(b"".join(data), np.uint8)
    return joined, ends, np.array([*words.values()], np.int64)


@settings(max_examples=300)
@given(pieces, st.integers(0, 40), st.integers(0, 3), st.booleans())
def test_equal_merges(words: dict[str, int], n_merges: int, least: int, backwards: bool) -> None:
    byte_ids = np.arange(256)[:: -1 if backwards else 1].copy()
    expected = reference.train(*arguments(words), n_merges, byte_ids, least)
    found = kernel.train(*arguments(words), n_merges, byte_ids, least)
    assert found.dtype == np.int32
    assert found.tolist() == expected.tolist()


def test_more_pairs_than_there_is_room_for_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    letters = generator.integers(97, 123, (400, 9), np.uint8)
    words = {bytes(word).decode(): int(i % 5) + 1 for i, word in enumerate(letters)}
    expected = kernel.train(*arguments(words), 700, np.arange(256))
    monkeypatch.setattr(kernel, "_CAPACITY", 1024)  # 676 pairs of letters
    assert kernel.train(*arguments(words), 700, np.arange(256)).tolist() == expected.tolist()
    assert reference.train(*arguments(words), 60, np.arange(256)).tolist() == expected[:60].tolist()


def test_progress_goes_up_to_the_number_of_merges() -> None:
    told: list[int] = []
    found = kernel.train(
        *arguments({"abcabc": 1, "bcd": 2}), 9, np.arange(256), progress=told.append
    )
    assert told == sorted(told)
    assert told[-1] == len(found)


def test_too_much_to_hold() -> None:
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (2**31,), (0,))
    with pytest.raises(MinilmError, match="2,147,483,648 bytes, more than training can hold"):
        kernel.train(huge, np.array([2**31]), np.array([1]), 1, np.arange(256))
