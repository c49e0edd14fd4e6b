"""The bidirectional baseline against the same formulas written out with dictionaries."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from minilm.evaluation import bidirectional_ngram
from minilm.evaluation.bidirectional_ngram import (
    IGNORED,
    SIDE,
    UNKNOWN,
    BidirectionalNgram,
    Gaps,
    baseline,
    gaps,
)

V = 6
SPECIAL = np.array([False] * 5 + [True])
RNG = np.random.default_rng(4)
TRAIN = RNG.integers(0, V, 160)


def _gaps(n: int = 20) -> Gaps:
    """Windows of another text with holes, whose neighbours may be holes too."""
    windows = RNG.integers(0, V, (n, 13))
    targets = np.where((RNG.random(windows.shape) < 0.3) & (windows < 5), windows, IGNORED)
    targets[0], targets[1, ::2] = IGNORED, IGNORED
    return gaps([(windows, targets)])


def _witten_bell(lower: dict[int, float], stood: Counter) -> dict[int, float]:
    if not stood:
        return lower
    weight = stood.total() + len(stood)
    return {w: (stood[w] + len(stood) * p) / weight for w, p in lower.items()}


def _beside(seen: list[int], sign: int) -> Counter:
    """What stood beside these tokens in training, of the places that have room around."""
    found: Counter = Counter()
    for i in range(SIDE, len(TRAIN) - SIDE):
        near = [TRAIN[i + sign * (d + 1)] for d in range(len(seen))]
        if not SPECIAL[TRAIN[i]] and near == seen:
            found[int(TRAIN[i])] += 1
    return found


def _side(seen: np.ndarray, a: int, sign: int) -> dict[int, float]:
    p = {w: 0.0 if SPECIAL[w] else 1 / 5 for w in range(V)}
    p = _witten_bell(p, _beside([], sign))
    for n in range(1, a + 1):
        if UNKNOWN in seen[:n]:
            break
        p = _witten_bell(p, _beside(seen[:n].tolist(), sign))
    return p


def _left_to_right(context: list[int], w: int, order: int) -> float:
    """P of w by the n-gram model of an order, after the known end of a context."""
    p = dict.fromkeys(range(V), 1 / (V + 1))
    for n in range(order):
        if n > len(context):
            break
        end = context[len(context) - n :]
        stood = Counter(
            int(TRAIN[i]) for i in range(n, len(TRAIN)) if TRAIN[i - n : i].tolist() == end
        )
        p = _witten_bell(p, stood)
    return p[w]


def _known(seen: np.ndarray) -> list[int]:
    return seen[: np.argmax(seen == UNKNOWN) if UNKNOWN in seen else None].tolist()


@pytest.mark.parametrize("a", [1, 2, SIDE])
def test_probabilities_are_those_of_the_formulas(a: int) -> None:
    found = _gaps()
    model = BidirectionalNgram(TRAIN, found, V, SPECIAL)
    p = model.probabilities(slice(0, None))
    unigram = _witten_bell({w: 0.0 if SPECIAL[w] else 1 / 5 for w in range(V)}, _beside([], 1))
    for k, (left, right, _) in enumerate(zip(*found, strict=True)):
        before, after = _side(left, a, -1), _side(right, a, 1)
        joined = np.array([before[w] * after[w] / (unigram[w] or 1.0) for w in range(V)])
        joined /= joined.sum()
        np.testing.assert_allclose(p[a, False][k], joined, rtol=1e-12)
        reread = []
        for w in range(V):
            text, chance = [*_known(left)[::-1]], 1.0
            for token in (w, *_known(right)):
                chance *= _left_to_right(text, token, a + 1)
                text.append(token)
            reread.append(chance)
        np.testing.assert_allclose(p[a, True][k], np.array(reread) / sum(reread), rtol=1e-9)


def test_few_candidates_share_what_they_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bidirectional_ngram, "CANDIDATES", 2)
    model = BidirectionalNgram(TRAIN, _gaps(), V, SPECIAL)
    p = model.probabilities(slice(0, 9))
    for (_, joint), values in p.items():
        np.testing.assert_allclose(values.sum(axis=1), 1)
        if joint:
            assert (np.abs(values - p[3, False]) > 1e-12).sum(axis=1).max() <= V
    changed = np.abs(p[3, True] - p[3, False]) > 1e-12
    assert (changed.sum(axis=1) <= 2).all()
    assert changed.any()


def test_scores_do_not_depend_on_how_many_are_done_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = _gaps(40)
    whole = BidirectionalNgram(TRAIN, found, V, SPECIAL).scores()
    monkeypatch.setattr(bidirectional_ngram, "ROWS", 7)
    parts = BidirectionalNgram(TRAIN, found, V, SPECIAL).scores()
    assert len(whole) == 2 * SIDE
    for one, other in zip(whole, parts, strict=True):
        assert (one.side, one.joint) == (other.side, other.joint)
        np.testing.assert_allclose(one.nll, other.nll)
        np.testing.assert_array_equal(one.right, other.right)
    p = BidirectionalNgram(TRAIN, found, V, SPECIAL).probabilities(slice(0, None))
    for score in whole:
        rows = p[score.side, score.joint]
        assert score.accuracy == np.mean(rows.argmax(axis=1) == found.hidden)
        assert score.loss == pytest.approx(-np.log(rows[np.arange(len(rows)), found.hidden]).mean())


def test_gaps_see_neither_other_gaps_nor_what_is_beyond() -> None:
    inputs = np.arange(10, 18)[None]
    targets = np.full((1, 8), IGNORED)
    targets[0, 1], targets[0, 4] = 77, 78
    found = gaps([(inputs, targets)])
    assert found.hidden.tolist() == [77, 78]
    assert found.left.tolist() == [[10, -1, -1, -1, -1], [13, 12, -1, 10, -1]]
    assert found.right.tolist() == [[12, 13, -1, 15, 16], [15, 16, 17, -1, -1]]


def test_both_sides_tell_more_than_either() -> None:
    # The middle is the sum of its neighbours, so that one of them alone says nothing.
    outer = RNG.integers(0, 4, 4000)
    text = []
    for one, other in pairwise(outer):
        text += [int(one), int(one + other) % 4]
    ids = np.array(text)
    train, rest = ids[:6000], ids[6000:7200].reshape(-1, 12)
    targets = np.full(rest.shape, IGNORED)
    targets[:, 5] = rest[:, 5]
    found = baseline(train, [(rest, targets)], 4, np.zeros(4, bool))
    assert found.accuracy > 0.95
    assert found.loss < 0.3
    # Blind on one side, it does no better than chance.
    blind = rest.copy()
    blind[:, 6] = 3
    found = baseline(train, [(blind, targets)], 4, np.zeros(4, bool))
    assert found.accuracy < 0.4
