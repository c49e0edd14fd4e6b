"""Scores against values computed by hand, and against scikit-learn's."""

import math

import numpy as np
import pytest

from minilm.evaluation.classification import (
    Scores,
    bootstrap_f1,
    confusion_matrix,
    f1_by_class,
    macro_f1,
    wilson,
)

LABELS = [0, 0, 0, 1, 1, 2]
GIVEN = [0, 0, 1, 1, 2, 2]


def test_by_hand() -> None:
    assert confusion_matrix(LABELS, GIVEN, 3).tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    scores = Scores.of(LABELS, GIVEN, 3)
    # F1: 2*2/(2*2+0+1), 2*1/(2*1+1+1), 2*1/(2*1+1+0)
    assert scores.accuracy == 4 / 6
    assert scores.f1 == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    assert scores.n == 6
    assert scores.to_dict()["confusion"] == scores.confusion.tolist()


def test_a_label_never_met_has_no_part_in_the_mean() -> None:
    assert macro_f1(LABELS, GIVEN, 5) == pytest.approx(macro_f1(LABELS, GIVEN, 3))
    # One that was given and that no text has counts with 0.
    assert macro_f1([0, 0], [0, 1], 2) == pytest.approx((2 / 3 + 0) / 2)
    assert np.isnan(f1_by_class(np.zeros((2, 2)))).all()


@pytest.mark.parametrize(("right", "n"), [(0, 7), (7, 7), (8, 10), (1, 1), (450, 1000)])
def test_wilson_solves_its_equation(right: int, n: int) -> None:
    low, high = wilson(right, n)
    assert 0 <= low <= right / n <= high <= 1
    # An end p is where the observed share lies z standard deviations of p's own away.
    for end in (low, high):
        if 0 < end < 1:
            distance = abs(right / n - end) / math.sqrt(end * (1 - end) / n)
            assert distance == pytest.approx(1.959964, rel=1e-6)


def test_bootstrap_is_repeatable_and_narrows() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 2000)
    given = np.where(generator.random(2000) < 0.7, labels, generator.integers(0, 3, 2000))
    wide = bootstrap_f1(labels[:100], given[:100], 3, seed=1)
    assert wide == bootstrap_f1(labels[:100], given[:100], 3, seed=1)
    assert wide != bootstrap_f1(labels[:100], given[:100], 3, seed=2)
    narrow = bootstrap_f1(labels, given, 3, seed=1)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])
    assert narrow[0] < macro_f1(labels, given, 3) < narrow[1]
    # For two balanced classes F1 is nearly the accuracy, whose interval is known.
    labels, given = np.arange(1000) % 2, (np.arange(1000) % 2) ^ (np.arange(1000) % 10 < 2)
    low, high = bootstrap_f1(labels, given, 2)
    assert (low, high) == pytest.approx(wilson(800, 1000), abs=0.006)


@pytest.mark.oracle
def test_scikit_learn_agrees() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(4)
    labels, given = generator.integers(0, 6, (2, 300))
    ours = Scores.of(labels, given, 6)
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(labels, given))
    assert ours.f1 == pytest.approx(metrics.f1_score(labels, given, average="macro"))
    np.testing.assert_array_equal(ours.confusion, metrics.confusion_matrix(labels, given))
    per_class = metrics.f1_score(labels, given, average=None)
    np.testing.assert_allclose(f1_by_class(ours.confusion), per_class)
