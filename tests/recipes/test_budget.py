"""The rule behind --minutes, on a machine of known speed, by a clock turned by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from minilm.errors import MinilmError
from minilm.recipes import Recipe, budget, memory, override
from minilm.recipes.recipe import DataConfig
from minilm.recipes.text import Text, prepare
from minilm.training.loop import Progress
from minilm.training.reporter import Silent

FLOPS = 1e11  # a second, of the imagined machine


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def _step_seconds(recipe: Recipe, text: Text) -> float:
    model = replace(recipe.model, vocab_size=text.tokenizer.vocab_size)
    return model.flops_per_token() * budget.TOKENS_PER_STEP / FLOPS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(budget, "time", clock)
    monkeypatch.setattr(budget, "warm_up", lambda recipe, text, reporter: None)
    monkeypatch.setattr(budget, "_step_seconds", _step_seconds)
    return clock


@pytest.fixture
def text(tmp_path: Path) -> Text:
    (tmp_path / "text.txt").write_text("a few words, again and again. " * 400)
    config = DataConfig(source=str(tmp_path / "text.txt"), tokenizer="chars", split="position")
    return prepare(config, "test")


def _recipe(text: Text) -> Recipe:
    return override(Recipe(), [f"model.vocab_size={text.tokenizer.vocab_size}"])


def _plan(text: Text, minutes: float) -> Recipe:
    return budget.plan(_recipe(text), minutes, text, 0.0, Silent())


@pytest.mark.parametrize("minutes", [0.5, 3, 20, 200])
def test_the_largest_that_gets_its_steps(clock: Clock, text: Text, minutes: float) -> None:
    recipe = _plan(text, minutes)
    rungs = [rung[2] for rung in budget.LADDER]
    place = rungs.index(recipe.model.n_embd)
    assert recipe.training.steps >= budget.STEPS or place == 0
    seconds = _step_seconds(recipe, text)
    assert recipe.training.steps * seconds == pytest.approx(minutes * 60, rel=0.25)
    assert recipe.training.steps * seconds < minutes * 60
    if place + 1 < len(rungs):
        above = budget._sized(recipe, *budget.LADDER[place + 1])
        assert minutes * 60 / _step_seconds(above, text) < 1.3 * budget.STEPS
    assert recipe.training.minutes == minutes
    assert recipe.training.batch_size * recipe.model.block_size == budget.TOKENS_PER_STEP


def test_more_time_never_means_a_smaller_model(clock: Clock, text: Text) -> None:
    sizes = [_plan(text, m).model.n_embd for m in (0.2, 1, 5, 20, 60, 300)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_a_model_that_does_not_fit_is_not_chosen(
    clock: Clock, text: Text, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "fits", lambda predicted: False)
    assert _plan(text, 60).model.n_embd == budget.LADDER[0][2]


def test_too_little_time_says_so(clock: Clock, text: Text) -> None:
    with pytest.raises(MinilmError, match=r"--minutes 0\.1: give at least 0\.17"):
        _plan(text, 0.1)
    clock.now = 59.0
    with pytest.raises(MinilmError, match="too short on this machine"):
        _plan(text, 1)


def _end(text: Text, clock: Clock, pace: list[float], spent: float = 0.0) -> Progress:
    """Run a plan of 1000 steps for 100 s on a machine that takes `pace[k]` s in its k-th tenth."""
    training = replace(_recipe(text).training, minutes=100 / 60)
    recipe = replace(_recipe(text), training=training)
    progress = Progress(n_steps=1000)
    replan = budget.replanner(recipe, text, 0.0, spent)
    while progress.step < progress.n_steps:
        seconds = pace[min(len(pace) - 1, 10 * progress.step // 1000)]
        clock.now += seconds
        progress.step += 1
        progress.seconds += seconds
        progress.n_steps = replan(progress)
    return progress


@pytest.mark.parametrize(
    "pace",
    [[0.1], [0.05], [0.2], [0.1] * 3 + [0.25], [0.2] * 3 + [0.08]],
    ids=["as planned", "faster", "slower", "slows down", "speeds up"],
)
def test_the_run_ends_on_time_whatever_the_pace(
    clock: Clock, text: Text, pace: list[float]
) -> None:
    progress = _end(text, clock, pace)
    assert clock.now == pytest.approx(100, rel=0.1)
    assert progress.spent == pytest.approx(clock.now, abs=0.5)


def test_a_resumed_run_has_what_is_left_of_the_time(clock: Clock, text: Text) -> None:
    _end(text, clock, [0.1], spent=60.0)
    assert clock.now == pytest.approx(40, rel=0.15)
