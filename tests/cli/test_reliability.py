"""The reliability diagram, as text and as a picture."""

from pathlib import Path

import numpy as np
import pytest

from minilm.cli.reliability import WIDTH, lines, picture
from minilm.evaluation.calibration import calibration


def test_bars_end_at_the_accuracy_and_strokes_stand_at_the_confidence() -> None:
    confidence = np.array([0.15, 0.15, 0.75, 0.75, 0.75, 0.75])
    found = calibration(confidence, np.array([1, 0, 1, 1, 1, 0]))
    head, unsure, sure = lines(found)
    assert head.split() == ["confidence", "tokens", "accuracy"]
    assert unsure.split()[:6] == ["0.1", "to", "0.2", "0.150", "2", "0.500"]
    bar = unsure.split()[-1]
    assert bar.index("|") == round(0.15 * WIDTH)
    assert bar.count("#") == round(0.5 * WIDTH)
    assert sure.split()[-1] == "#" * round(0.75 * WIDTH) + "|"


def test_too_sure_shows_a_gap_before_the_stroke() -> None:
    (_, row) = lines(calibration(np.full(10, 0.95), np.array([1] * 6 + [0] * 4)))
    bar = row.split()[-1]
    assert bar == "#" * 18 + "-" * (round(0.95 * WIDTH) - 18) + "|"


def test_columns_are_straight() -> None:
    rng = np.random.default_rng(0)
    rows = lines(calibration(rng.uniform(0.01, 1, 5000), rng.integers(0, 2, 5000)))
    assert len(rows) == 11
    assert len({row.rindex(".") for row in rows[1:]}) == 1


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"picture{suffix}"
    rng = np.random.default_rng(0)
    picture(calibration(rng.uniform(0.3, 1, 500), rng.integers(0, 2, 500)), path, "RUN")
    assert path.stat().st_size > 5000
