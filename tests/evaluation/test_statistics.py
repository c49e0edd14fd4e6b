"""Standard errors by document: by hand, against the usual formula, and by simulation."""

import math

import numpy as np
import pytest

from minilm.evaluation.statistics import Estimate, by_group, mean, ratio


def test_by_hand() -> None:
    # R = 12/6 = 2; deviations 1 - 2, 3 - 4, 8 - 6; n / (n - 1) = 3/2
    found = ratio([1, 3, 8], [1, 2, 3])
    assert found.value == pytest.approx(2)
    assert found.error == pytest.approx(math.sqrt(1.5 * (1 + 1 + 4)) / 6)


def test_a_mean_has_the_usual_error() -> None:
    values = np.random.default_rng(0).normal(size=50)
    found = mean(values)
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(values.std(ddof=1) / math.sqrt(50))


def test_one_unit_has_no_error_and_nothing_has_no_value() -> None:
    assert ratio([3.0], [2]).value == 1.5
    assert math.isnan(ratio([3.0], [2]).error)
    assert math.isnan(ratio([0, 0], [0, 0]).value)
    assert math.isnan(mean([]).value)


def test_groups_are_the_units() -> None:
    values, groups = [1.0, 0, 1, 1, 0], ["a", "b", "a", "c", "b"]
    assert by_group(values, groups) == ratio([2, 0, 1], [2, 2, 1])
    assert by_group(values, list("vwxyz")) == mean(values)


def test_units_and_exponentials() -> None:
    assert Estimate(2.0, 0.5).scaled(-3) == Estimate(-6.0, 1.5)
    value, error = Estimate(1.0, 0.01).exp()
    assert (value, error) == pytest.approx((math.e, math.e * 0.01))
    assert Estimate(1e4, 1.0).exp().value == math.inf
    assert Estimate(0.0, 1.0).interval == pytest.approx((-1.96, 1.96), abs=1e-4)


def test_the_error_is_what_the_figure_varies_by() -> None:
    """Documents of very different length, their tokens alike: drawn again and again."""
    rng = np.random.default_rng(1)
    n, repeats, truth = 40, 3000, 2.0
    values, errors, naive = [], [], []
    for _ in range(repeats):
        tokens = rng.integers(20, 2000, n)
        levels = truth + rng.normal(0, 0.3, n)  # of each document
        sums = tokens * levels + rng.normal(0, 0.5, n) * np.sqrt(tokens)
        found = ratio(sums, tokens)
        values.append(found.value)
        errors.append(found.error)
        naive.append(math.sqrt(0.3**2 + 0.5**2) / math.sqrt(tokens.sum()))
    spread = np.std(values)
    assert np.mean(errors) == pytest.approx(spread, rel=0.05)
    assert np.mean(naive) < spread / 10  # the error by token would be far too small
    covered = np.mean(np.abs(np.array(values) - truth) < 1.96 * np.array(errors))
    assert 0.92 < covered < 0.97
