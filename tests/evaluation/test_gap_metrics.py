"""Figures of filled gaps: against another way to each of them."""

import math

import numpy as np
import pytest

from minilm.backend import using
from minilm.evaluation.bidirectional_ngram import IGNORED, Score
from minilm.evaluation.gap_metrics import documents_of, gap_metrics, gap_ngram, score_gaps
from minilm.evaluation.scoring import TokenScores
from minilm.evaluation.statistics import ratio
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig

RNG = np.random.default_rng(2)
N, V, END = 53, 11, 0
IDS = RNG.integers(0, V, N)


def _batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """Windows of 6 in a row, four at a time; the last is shorter."""
    found = []
    for start in (0, 24, 48):
        window = IDS[start : start + 24].reshape(-1, min(6, N - start))
        targets = np.where(RNG.random(window.shape) < 0.4, window, IGNORED)
        found.append((np.where(targets == IGNORED, window, 1), targets))
    return found


def test_gaps_are_scored_in_order_by_the_model_alone() -> None:
    model = BERT(BERTConfig(vocab_size=V, block_size=6, n_layer=1, n_head=1, n_embd=4), seed=1)
    batches, done = _batches(), []
    with using("reference"):
        scores = score_gaps(model, batches, done.append)
        at = 0
        for inputs, targets in batches:
            logits = model.forward(inputs)[0].astype(float)
            p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
            for row, column in np.argwhere(targets != IGNORED):
                own = p[row, column]
                label = targets[row, column]
                assert scores.nll[at] == pytest.approx(-np.log(own[label]), rel=1e-4)
                assert scores.confidence[at] == pytest.approx(own.max(), rel=1e-4)
                assert scores.rank[at] == np.count_nonzero(own > own[label])
                at += 1
    assert at == len(scores.nll)
    assert done[-1] == 1.0


def test_each_gap_belongs_to_the_document_that_it_lies_in() -> None:
    batches = _batches()
    found = documents_of(batches, IDS, END).tolist()
    expected, position, document = [], 0, 0
    for _, targets in batches:
        for target in targets.reshape(-1):
            if target != IGNORED:
                expected.append(document)
            document += int(IDS[position] == END)
            position += 1
    assert found == expected
    assert len(set(found)) > 2
    assert set(documents_of(batches, IDS, None).tolist()) == {0}


def test_errors_are_by_document_and_not_by_gap() -> None:
    documents = np.repeat([3, 5, 9], [4, 2, 6])  # others have no gap, and do not count
    nll = RNG.gamma(2.0, size=12)
    rank = np.array([0, 1, 0, 9, 0, 0, 4, 5, 0, 2, 7, 0])
    found = gap_metrics(TokenScores(nll, rank, np.ones(12)), documents)
    sums = [nll[documents == d].sum() for d in (3, 5, 9)]
    assert found.loss == pytest.approx(ratio(sums, [4, 2, 6]))
    assert found.top1 == pytest.approx(ratio([2, 2, 2], [4, 2, 6]))
    assert found.top5 == pytest.approx(ratio([3, 2, 4], [4, 2, 6]))
    assert found.perplexity.value == pytest.approx(math.exp(nll.mean()))
    assert (found.documents, found.gaps) == (3, 12)
    assert math.isnan(gap_metrics(TokenScores(nll, rank, nll), np.zeros(12)).loss.error)


def test_the_margin_is_over_the_best_by_each_measure() -> None:
    documents = np.array([0, 0, 1, 1])
    own = TokenScores(np.array([1.0, 2.0, 1.0, 4.0]), np.array([0, 0, 1, 0]), np.ones(4))
    sure = Score(2, False, np.array([2.0, 2.0, 2.0, 5.0]), np.array([True, False, False, False]))
    right = Score(4, True, np.full(4, 9.0), np.array([True, True, False, False]))
    found = gap_ngram([sure, right], own, documents)
    assert found.name == "bidirectional n-gram, 4 a side"
    assert found.loss == pytest.approx(ratio([4, 7], [2, 2]))
    assert found.margin == pytest.approx(ratio([1, 2], [2, 2]))
    assert found.top1.value == 0.5
    assert found.top1_margin == pytest.approx(ratio([0, 1], [2, 2]))
