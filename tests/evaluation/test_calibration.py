"""Calibration: bins, the error by hand, and what chance alone shows."""

import numpy as np
import pytest

from minilm.evaluation.calibration import calibration


def test_by_hand() -> None:
    confidence = np.array([0.1, 0.35, 0.4, 0.95, 1.0, 1.0])
    correct = np.array([1, 0, 1, 1, 1, 0])
    found = calibration(confidence, correct, bins=4)
    assert found.counts.tolist() == [1, 2, 0, 3]
    np.testing.assert_allclose(found.accuracy, [1, 0.5, np.nan, 2 / 3])
    np.testing.assert_allclose(found.confidence, [0.1, 0.375, np.nan, 2.95 / 3])
    assert found.error == pytest.approx((0.9 + 2 * 0.125 + (2.95 - 2)) / 6)


def test_an_edge_belongs_to_the_bin_below_it() -> None:
    found = calibration(np.array([0.0, 0.25, 0.2500001, 0.5, 1.0]), np.ones(5), bins=4)
    assert found.counts.tolist() == [2, 2, 0, 1]


def test_a_calibrated_model_shows_chance_only_and_a_sure_one_shows_it() -> None:
    rng = np.random.default_rng(0)
    errors, chances, sure = [], [], []
    for _ in range(200):
        confidence = rng.uniform(0.05, 1, 2000)
        found = calibration(confidence, rng.uniform(size=2000) < confidence)
        errors.append(found.error)
        chances.append(found.chance)
        too_sure = np.minimum(1, confidence + 0.1)
        sure.append(calibration(too_sure, rng.uniform(size=2000) < confidence).error)
    assert np.mean(errors) == pytest.approx(np.mean(chances), rel=0.1)
    assert np.mean(sure) == pytest.approx(0.1, abs=0.02)


def test_the_number_of_bins() -> None:
    found = calibration(np.array([0.5]), np.array([1]), bins=7)
    assert len(found.counts) == 7
    np.testing.assert_allclose(np.diff(found.edges), 1 / 7)
