"""The loop on a small model: resuming, stopping, diverging, and what it records."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.next_token import NextToken
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig
from minilm.training import checkpoint
from minilm.training.config import TrainingConfig
from minilm.training.loop import Loop, Progress, train
from minilm.training.reporter import Silent
from minilm.training.run import CONFIG, Run

MODEL = GPTConfig(vocab_size=13, block_size=8, n_layer=1, n_head=2, n_embd=8, dropout=0.1)
TRAINING = TrainingConfig(steps=12, batch_size=4, accumulation=2, evaluate_every=4, keep=20)
OPTIMIZER = OptimizerConfig(learning_rate=1e-2, warmup_steps=2)
IDS = np.tile(np.arange(13), 40).astype(np.uint16)


def _loop(
    path: Path, config: TrainingConfig = TRAINING, optimizer: OptimizerConfig = OPTIMIZER
) -> tuple[Loop, Progress]:
    model = GPT(MODEL, seed=0)
    objective = NextToken(
        IDS, IDS[:200], np.ones(13, int), batch_size=config.batch_size, block_size=8, seed=3
    )
    run = Run.create(path)
    run.write(CONFIG, "")
    adamw = AdamW(model.parameters, optimizer, config.steps)
    return Loop(model, objective, adamw, run, config, Silent(), 1.0), Progress(config.steps)


def _never() -> bool:
    return False


def _state(loop: Loop) -> list[np.ndarray]:
    return [loop.model.parameters.values, loop.optimizer.m, loop.optimizer.v]


def test_a_stopped_and_resumed_run_equals_one_never_stopped(tmp_path: Path) -> None:
    whole, progress = _loop(tmp_path / "whole")
    train(whole, progress, _never)

    first, progress = _loop(tmp_path / "parts")
    train(first, progress, lambda: progress.step == 7)
    first.run.close()
    assert checkpoint.steps(tmp_path / "parts") == [4, 7]

    second, _ = _loop(tmp_path / "unused")
    folder, state = checkpoint.latest(tmp_path / "parts", Silent())
    progress = Progress(
        **checkpoint.restore(folder, state, second.model.parameters, second.optimizer)
    )
    train(second, progress, _never)
    for one, other in zip(_state(whole), _state(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_evaluation_does_not_disturb_training(tmp_path: Path) -> None:
    often, progress = _loop(tmp_path / "often", replace(TRAINING, evaluate_every=1))
    train(often, progress, _never)
    never, progress = _loop(tmp_path / "never", replace(TRAINING, evaluate_every=100))
    train(never, progress, _never)
    for one, other in zip(_state(often), _state(never), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_learns(tmp_path: Path) -> None:
    loop, progress = _loop(tmp_path, replace(TRAINING, steps=150, evaluate_every=150))
    train(loop, progress, _never)
    losses = [r["loss"] for r in loop.run.records() if r["kind"] == "train"]
    assert losses[0] == pytest.approx(np.log(13), abs=0.2)
    assert progress.best_loss < 0.5  # each token of this text is followed by one only


def test_what_is_recorded(tmp_path: Path) -> None:
    loop, progress = _loop(tmp_path)
    train(loop, progress, _never)
    records = loop.run.records()
    steps = [r for r in records if r["kind"] == "train"]
    assert [r["step"] for r in steps] == list(range(1, 13))
    assert steps[0]["learning_rate"] == pytest.approx(1e-2 / 3)
    assert set(steps[0]) == {
        "kind",
        "step",
        "steps",
        "loss",
        "learning_rate",
        "gradient_norm",
        "seconds",
        "tokens_per_second",
        "gflops",
        "memory_bytes",
    }
    evaluations = [r for r in records if r["kind"] == "evaluation"]
    assert [r["step"] for r in evaluations] == [4, 8, 12]
    best = min(evaluations, key=lambda r: r["val_loss"])
    assert (progress.best_step, progress.best_loss) == (best["step"], best["val_loss"])
    assert [r["path"] for r in records if r["kind"] == "checkpoint"] == [
        "step-000004",
        "step-000008",
        "step-000012",
    ]


def test_divergence_names_the_step_and_the_parameter(tmp_path: Path) -> None:
    loop, progress = _loop(tmp_path)
    train(loop, progress, lambda: progress.step == 5)
    good = loop.model.parameters.values.copy()
    loop.model.parameters["blocks.0.mlp.up.weight"].value[0, 0] = np.inf
    with (
        np.errstate(invalid="ignore", over="ignore"),
        pytest.raises(MinilmError, match=r"diverged at step 6: .* blocks.0.mlp.up.weight"),
    ):
        train(loop, progress, _never)
    folder, state = checkpoint.latest(tmp_path, Silent())
    assert folder.name == "step-000005"
    checkpoint.restore(folder, state, loop.model.parameters, loop.optimizer)
    np.testing.assert_array_equal(loop.model.parameters.values, good)


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    config = replace(TRAINING, steps=100, patience=3, evaluate_every=2, keep=2)
    still = replace(OPTIMIZER, learning_rate=0.0, min_learning_rate=0.0)
    loop, progress = _loop(tmp_path, config, still)
    train(loop, progress, _never)
    assert progress.step == 8
    assert progress.best_step == 2
    assert checkpoint.steps(tmp_path) == [2, 6, 8]  # the best is kept beside the latest


def test_a_stop_before_the_first_step_leaves_nothing_behind(tmp_path: Path) -> None:
    loop, progress = _loop(tmp_path)
    train(loop, progress, lambda: True)
    assert progress.step == 0
    assert checkpoint.steps(tmp_path) == []


def test_the_plan_may_change_the_number_of_steps(tmp_path: Path) -> None:
    loop, progress = _loop(tmp_path)
    loop = replace(loop, replan=lambda p: 9)
    train(loop, progress, _never)
    assert progress.step == progress.n_steps == loop.optimizer.n_steps == 9
    _, state = checkpoint.latest(tmp_path, Silent())
    assert state["progress"]["n_steps"] == 9
