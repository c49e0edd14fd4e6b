"""Figures of a text: units, n-grams on the same tokens, errors of differences."""

import math

import numpy as np
import pytest

from minilm.evaluation.ngram import WittenBell
from minilm.evaluation.scoring import Request, TokenScores
from minilm.evaluation.statistics import ratio
from minilm.evaluation.text_metrics import NATS_PER_BIT, ngram_metrics, sizes, text_metrics

RANKS = np.array([0, 4, 5])


def _scores(nll: list[float]) -> TokenScores:
    return TokenScores(np.array(nll), RANKS[: len(nll)], np.ones(len(nll)))


def test_units() -> None:
    requests = [Request(np.array([0, 1, 2, 1])), Request(np.array([0, 0, 2]), first=1)]
    size = sizes(requests, bytes_per_id=np.array([0, 1, 3]))
    assert size.tokens.tolist() == [3, 1]
    assert size.bytes.tolist() == [5, 3]
    found = text_metrics([_scores([1.0, 2.0, 3.0]), _scores([4.0])], size)
    assert (found.documents, found.tokens, found.bytes) == (2, 4, 8)
    assert found.loss == ratio([6, 4], [3, 1])
    assert found.perplexity.value == pytest.approx(math.exp(2.5))
    assert found.bits_per_byte.value == pytest.approx(10 / math.log(2) / 8)
    assert found.bits_per_byte.error == pytest.approx(ratio([6, 4], [5, 3]).error / NATS_PER_BIT)
    assert found.top1 == ratio([1, 1], [3, 1])
    assert found.top5 == ratio([2, 1], [3, 1])


def test_ngrams_are_scored_on_the_same_tokens() -> None:
    train = np.array([0, 1, 2] * 30)
    model = WittenBell(train, 3, max_order=3)
    requests = [Request(np.array([0, 1, 2, 0, 1])), Request(np.array([2, 0, 2, 2]), first=1)]
    size = sizes(requests, np.ones(3, int))
    own = [_scores([0.1, 0.2, 0.3]), _scores([1.0, 2.0])]
    found = ngram_metrics(model, requests, own, size)
    by_order = [
        -np.log(model.probabilities(request.ids)[:, request.first :]).sum(axis=1)
        for request in requests
    ]
    totals = by_order[0] + by_order[1]
    assert found.order == int(np.argmin(totals)) + 1
    nats = [float(one[found.order - 1]) for one in by_order]
    assert found.loss.value == pytest.approx(sum(nats) / 6)
    assert found.bits_per_byte.value == pytest.approx(sum(nats) / math.log(2) / 6)
    margin = ratio([nats[0] - 0.6, nats[1] - 3.0], [4, 2])
    assert found.margin.value == pytest.approx(margin.value / math.log(2))
    assert found.margin.error == pytest.approx(margin.error / math.log(2))


def test_what_is_hard_for_both_is_no_error_of_the_margin() -> None:
    rng = np.random.default_rng(0)
    model = WittenBell(rng.integers(0, 9, 2000), 9, max_order=1)
    requests = [Request(rng.integers(0, 9, 50)) for _ in range(5)]
    losses = [-np.log(model.probabilities(request.ids)[0]) for request in requests]
    own = [TokenScores(nll - 0.5, np.zeros(49, int), np.ones(49)) for nll in losses]
    found = ngram_metrics(model, requests, own, sizes(requests, np.ones(9, int)))
    assert found.margin.value == pytest.approx(0.5 / math.log(2))
    assert found.margin.error == pytest.approx(0, abs=1e-12)
    assert found.bits_per_byte.error > 1e-4
