from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.evaluation.ngram import WittenBell, baseline

VOCAB = 4
streams = st.lists(st.integers(0, VOCAB - 1), max_size=30)


def naive(train: list[int], context: tuple[int, ...], token: int) -> float:
    """P(token | context) by the formula, from counts made anew at every level."""
    following = Counter(
        train[i]
        for i in range(len(context), len(train))
        if tuple(train[i - len(context) : i]) == context
    )
    lower = naive(train, context[1:], token) if context else 1 / VOCAB
    if not following:
        return lower
    return (following[token] + len(following) * lower) / (following.total() + len(following))


@given(streams, streams, st.integers(1, 6))
def test_equals_the_formula(train, stream, max_order):
    model = WittenBell(np.array(train, np.uint16), VOCAB, max_order)
    got = model.probabilities(np.array(stream, np.uint16))
    assert got.shape == (max_order, max(len(stream) - 1, 0))
    for order in range(1, max_order + 1):
        for i in range(1, len(stream)):
            context = tuple(stream[max(i - order + 1, 0) : i])
            assert got[order - 1, i - 1] == pytest.approx(
                naive(train, context, stream[i]), rel=1e-12
            )


@given(streams, st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=8))
def test_sums_to_one_after_any_context(train, context):
    model = WittenBell(np.array(train, np.int64), VOCAB)
    last = [model.probabilities(np.array([*context, token]))[:, -1] for token in range(VOCAB)]
    assert np.sum(last, axis=0) == pytest.approx(np.ones(6), rel=1e-12)
    assert np.min(last) > 0


def test_by_hand():
    # Training a b a c a b, V = 4. Unigram: c = 3, 2, 1, 0 of 6, three kinds, so
    # P(b) = (2 + 3/4) / 9 = 11/36. After a: b twice, c once, two kinds, so
    # P(b | a) = (2 + 2 * 11/36) / 5 = 47/90. After "b a": c once, so
    # P(b | b a) = (0 + 1 * 47/90) / 2 = 47/180. "d a" was never seen.
    model = WittenBell(np.array([0, 1, 0, 2, 0, 1]), 4, 3)
    assert model.probabilities(np.array([1, 0, 1]))[:, -1] == pytest.approx(
        [11 / 36, 47 / 90, 47 / 180], rel=1e-14
    )
    assert model.probabilities(np.array([3, 0, 1]))[:, -1] == pytest.approx(
        [11 / 36, 47 / 90, 47 / 90], rel=1e-14
    )


def test_large_vocabulary_and_ids():
    """Keys of six tokens of 16 bits would not fit 64 bits if they were simply joined."""
    rng = np.random.default_rng(0)
    train = rng.choice(np.array([0, 1, 65534, 65535], np.uint16), 3000)
    stream = train[500:560]
    big = WittenBell(train, 65536).probabilities(stream)
    counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    tokens = train.tolist()
    for i, length in itertools.product(range(len(tokens)), range(6)):
        if i >= length:
            counts[tuple(tokens[i - length : i])][tokens[i]] += 1
    for i in range(1, len(stream)):
        p = 1 / 65536
        for length in range(6):
            following = counts[tuple(stream[i - length : i].tolist())] if i >= length else {}
            if following:
                kinds = len(following)
                p = (following[int(stream[i])] + kinds * p) / (following.total() + kinds)
            assert big[length, i - 1] == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, np.uint64])
def test_any_integers_will_do(dtype):
    ids = np.array([0, 1, 0, 2, 0, 1] * 3)
    expected = WittenBell(ids, 300).losses(ids)
    assert np.array_equal(WittenBell(ids.astype(dtype), 300).losses(ids.astype(dtype)), expected)


def test_losses_are_means_in_nats():
    model = WittenBell(np.array([0, 1, 0, 2, 0, 1]), 4, 2)
    loss = model.losses(np.array([1, 0, 1]))
    # P(a) = (3 + 3/4) / 9 = 5/12, and after b came only a, once: (1 + 5/12) / 2 = 17/24.
    assert loss == pytest.approx(
        [-(math.log(5 / 12) + math.log(11 / 36)) / 2, -(math.log(17 / 24) + math.log(47 / 90)) / 2]
    )


def test_baseline_takes_the_best_order():
    rng = np.random.default_rng(1)
    # Each token decides the next but for some noise: order 2 is the truth.
    tokens = [0]
    for noise in rng.random(4000):
        tokens.append((tokens[-1] + 1) % 5 if noise < 0.8 else int(noise * 1e6) % 5)
    train, validation = np.array(tokens[:3000]), np.array(tokens[3000:])
    best = baseline(train, validation, 5)
    assert best.order == 2
    assert len(best.losses) == 6
    assert best.loss == min(best.losses) == best.losses[1]
    assert best.losses == tuple(WittenBell(train, 5).losses(validation))
    assert best.n_train == 3000
    # 0.8 + 0.2 / 5 for the right one, 0.2 / 5 for each of the four others.
    entropy = -(0.84 * math.log(0.84) + 0.16 * math.log(0.04))
    assert best.loss == pytest.approx(entropy, abs=0.05)


def test_baseline_counts_the_last_tokens_of_a_long_stream():
    train = np.array([0] * 100 + [1] * 50)
    validation = np.array([1, 1, 1])
    best = baseline(train, validation, 2, max_train=50)
    assert best.n_train == 50
    assert best == baseline(train[100:], validation, 2)


@pytest.mark.parametrize("train", [[], [0], [0, 1]])
def test_hardly_any_training_text(train):
    model = WittenBell(np.array(train, np.int64), 4)
    assert np.isfinite(model.losses(np.array([0, 1, 2, 3, 0]))).all()
    if not train:
        assert model.losses(np.array([0, 1])) == pytest.approx([math.log(4)] * 6)


def test_bad_streams():
    with pytest.raises(ValueError, match="from 0 to 3"):
        WittenBell(np.array([0, 4]), 4)
    with pytest.raises(ValueError, match="from 0 to 3"):
        WittenBell(np.array([0]), 4).probabilities(np.array([-1]))
    with pytest.raises(ValueError, match="one row"):
        WittenBell(np.zeros((2, 2), int), 4)
    with pytest.raises(ValueError, match="at least two"):
        WittenBell(np.array([0]), 4).losses(np.array([0]))
