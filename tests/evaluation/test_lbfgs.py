"""L-BFGS: minima that are known, few steps where curvature differs, and when it gives up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.evaluation.lbfgs import minimise


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_a_quadratic(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    matrix, wanted = root @ root.T + np.eye(n), rng.normal(size=n)

    def function(x):
        d = x - wanted
        return float(d @ matrix @ d) / 2, matrix @ d

    found = minimise(function, np.zeros(n), tolerance=1e-9)
    assert found.converged
    np.testing.assert_allclose(found.x, wanted, atol=1e-7)
    assert found.value == pytest.approx(0, abs=1e-9)


def _rosenbrock(x):
    a, b = 1 - x[0], x[1] - x[0] ** 2
    return a * a + 100 * b * b, np.array([-2 * a - 400 * x[0] * b, 200 * b])


def test_a_bent_valley_takes_tens_of_steps_and_not_thousands() -> None:
    found = minimise(_rosenbrock, np.array([-1.2, 1.0]), tolerance=1e-8)
    assert found.converged
    np.testing.assert_allclose(found.x, 1, atol=1e-7)
    assert found.steps < 60


def test_curvatures_that_differ_by_a_thousand() -> None:
    scale = np.logspace(0, 3, 20)
    found = minimise(lambda x: (float(scale * x @ x) / 2, scale * x), np.ones(20), tolerance=1e-6)
    assert found.converged
    assert found.steps < 400


def test_the_start_is_not_changed_and_may_be_the_minimum() -> None:
    start = np.array([1.0, -1.0])
    minimise(_rosenbrock, start, max_steps=3)
    assert start.tolist() == [1.0, -1.0]
    found = minimise(_rosenbrock, np.array([1.0, 1.0]))
    assert (found.steps, found.converged) == (0, True)


def test_too_few_steps_and_a_wrong_gradient_are_told() -> None:
    assert not minimise(_rosenbrock, np.array([-1.2, 1.0]), max_steps=5).converged
    uphill = minimise(lambda x: (float(x @ x), -2 * x), np.array([1.0]))
    assert not uphill.converged
    assert uphill.x.tolist() == [1.0]
