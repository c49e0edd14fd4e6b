"""Every schedule at the steps that tell it apart."""

from dataclasses import replace

import pytest

from minilm.optim.config import OptimizerConfig
from minilm.optim.schedules import learning_rate

CONFIG = OptimizerConfig(learning_rate=1.0, min_learning_rate=0.1, warmup_steps=10)


def _rates(schedule: str, n_steps: int = 110, **changes: float) -> list[float]:
    config = replace(CONFIG, schedule=schedule, **changes)
    return [learning_rate(step, n_steps, config) for step in range(n_steps)]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant", "constant_then_decay"])
def test_warmup_rises_in_equal_steps_and_meets_the_peak(schedule: str) -> None:
    rates = _rates(schedule)
    assert rates[:10] == pytest.approx([(i + 1) / 11 for i in range(10)])
    assert rates[10] == 1.0


def test_cosine() -> None:
    rates = _rates("cosine")
    assert rates[60] == pytest.approx(0.55)  # half way
    assert rates[35] == pytest.approx(0.1 + 0.9 * (1 + 2**-0.5) / 2)  # a quarter
    assert rates[109] == pytest.approx(0.1, abs=1e-3)


def test_linear() -> None:
    rates = _rates("linear")
    assert rates[60] == pytest.approx(0.55)
    assert rates[35] == pytest.approx(0.775)


def test_constant() -> None:
    assert set(_rates("constant")[10:]) == {1.0}


def test_constant_then_decay() -> None:
    rates = _rates("constant_then_decay", decay_fraction=0.2)
    assert set(rates[10:89]) == {1.0}
    assert rates[88] == 1.0
    assert rates[99] == pytest.approx(0.55)
    assert rates[109] == pytest.approx(0.1 + 0.9 / 22)


def test_a_warmup_longer_than_the_run_never_reaches_the_peak() -> None:
    assert max(_rates("cosine", n_steps=5)) == pytest.approx(5 / 11)
