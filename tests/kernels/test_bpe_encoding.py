"""Encoding with memory, short and long pieces, equals joining pair after pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import bpe_encoding as kernel
from minilm.kernels.bpe_merging import MOST
from minilm.reference import bpe_encoding as reference
from minilm.reference import bpe_training
from minilm.tokenizers.bpe.code_points import classes


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


@st.composite
def merges(draw):
    """Byte ids, pairs and products: learned, or any list in which each part is made before."""
    byte_ids = np.arange(256)[:: draw(st.sampled_from([1, -1]))].copy()
    if draw(st.booleans()):
        text = array(draw(st.text("ab", min_size=2, max_size=60)).encode())
        pairs = bpe_training.train(text, np.array([text.size]), np.array([1]), 30, byte_ids)
    else:
        pairs = np.empty((0, 2), np.int32)
        known = [int(byte_ids[97]), int(byte_ids[98])]
        for i in range(draw(st.integers(0, 12))):
            pair = [draw(st.sampled_from(known)), draw(st.sampled_from(known))]
            if pair not in pairs.tolist():
                pairs = np.concatenate([pairs, [pair]])
                known.append(256 + i)
                continue
            break
        # Out of order: the product of a merge may then be wanted by an earlier one.
        order = draw(st.permutations(range(len(pairs))))
        return byte_ids, pairs[order], (256 + np.arange(len(pairs)))[order]
    return byte_ids, pairs, 256 + np.arange(len(pairs))


@settings(max_examples=300)
@given(merges(), st.lists(st.text("ab ", max_size=150).map(str.encode), min_size=1, max_size=3))
def test_equal_ids(learned, texts) -> None:
    ready, defined = kernel.tables(*learned), reference.tables(*learned)
    remembered = kernel.memory()
    for text in texts:
        for _ in range(2):  # the second time from memory
            found = kernel.encode(array(text), classes(), 0, ready, remembered)
            expected = reference.encode(array(text), classes(), 0, defined, None)
            assert found.dtype == np.int32
            assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("size", [MOST - 1, MOST, MOST + 1, 70_000, 300_000])
def test_pieces_at_the_bounds_of_the_ways_to_merge(size: int) -> None:
    generator = np.random.default_rng(size)
    data = generator.choice(array(b"ab"), size)
    pairs = bpe_training.train(data[:200], np.array([200]), np.array([1]), 20, np.arange(256))
    products = 256 + np.arange(len(pairs))
    ready = kernel.tables(np.arange(256), pairs, products)
    found = kernel.encode(data, classes(), 0, ready, kernel.memory())
    if size <= MOST + 1:
        defined = reference.tables(np.arange(256), pairs, products)
        expected = reference.encode(data, classes(), 0, defined, None)
        assert found.tolist() == expected.tolist()
    # Nothing is left to join, and nothing is lost.
    left = set(map(tuple, pairs.tolist()))
    assert not left & set(zip(found[:-1].tolist(), found[1:].tolist(), strict=True))
    tokens = [bytes([value]) for value in range(256)]
    for a, b in pairs.tolist():
        tokens.append(tokens[a] + tokens[b])
    assert b"".join(tokens[i] for i in found) == data.tobytes()


def test_memory_that_is_full_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_ROWS", 8)
    monkeypatch.setattr(kernel, "_KEPT", 64)
    monkeypatch.setattr(kernel, "_IDS", MOST)
    generator = np.random.default_rng(0)
    words = [bytes(generator.choice(array(b"abc"), n)) for n in generator.integers(1, 50, 200)]
    text = b" ".join([*words, *words])
    learned = array(text[:400])
    pairs = bpe_training.train(learned, np.array([400]), np.array([1]), 40, np.arange(256))
    products = 256 + np.arange(len(pairs))
    ready = kernel.tables(np.arange(256), pairs, products)
    defined = reference.tables(np.arange(256), pairs, products)
    found = kernel.encode(array(text), classes(), 0, ready, kernel.memory())
    expected = reference.encode(array(text), classes(), 0, defined, None)
    assert found.tolist() == expected.tolist()


def test_no_merges_and_no_text() -> None:
    nothing = (np.arange(256), np.empty((0, 2), np.int32), np.empty(0, np.int32))
    ready = kernel.tables(*nothing)
    assert kernel.encode(array(b""), classes(), 0, ready, kernel.memory()).shape == (0,)
    found = kernel.encode(array(b"a b"), classes(), 0, ready, kernel.memory())
    assert found.tolist() == [97, 32, 98]
