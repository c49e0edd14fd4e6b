"""The training loop, one for every objective, model and kind of data.

    while steps remain:
        batch -> loss and gradients, part by part -> clip and update
        now and then: evaluate, write a checkpoint

All that changes from step to step is in the parameters, the optimiser's moments and
`Progress`. Data order and dropout are functions of (seed, step). So a run that is
stopped anywhere and resumed from its last checkpoint goes through the same bits as one
that was never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from minilm import machine
from minilm.errors import MinilmError
from minilm.optim.adamw import AdamW
from minilm.training import checkpoint
from minilm.training.config import TrainingConfig
from minilm.training.reporter import Reporter
from minilm.training.run import Run

__all__ = ["Objective", "Progress", "train"]


class Objective(Protocol):
    """What the loop needs of a pretext task."""

    def batch(self, step: int) -> Any:
        """The batch of a step, with `n_targets`, `n_tokens` and `split(n)`."""
        ...

    def loss_and_gradients(self, model: Any, batch: Any, normalizer: float) -> float:
        """Forward, loss, backward; adds into the gradients."""
        ...

    def evaluate(self, model: Any, *, whole: bool = True) -> dict[str, float]:
        """Name -> value, among them ``val_loss``."""
        ...


@dataclass
class Progress:
    """Where a run stands; part of every checkpoint.

    Attributes
    ----------
    step : int
        Steps done.
    n_steps : int
        Steps planned, which the schedule spans.
    seconds : float
        Time spent in steps.
    best_loss, best_step : float, int
        The lowest validation estimate so far and where it was seen.
    stale : int
        Evaluations since then.
    spent : float
        Wall time of the command so far, over all its processes, where the plan follows it.
    """

    n_steps: int
    step: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    best_step: int = 0
    stale: int = 0
    spent: float = 0.0


@dataclass(frozen=True)
class Loop:
    """The parts of a run that the loop drives."""

    model: Any
    objective: Objective
    optimizer: AdamW
    run: Run
    config: TrainingConfig
    reporter: Reporter
    flops_per_token: float
    replan: Callable[[Progress], int] | None = None

    def record(self, kind: str, **values: Any) -> None:
        """To the run's file and to whoever watches."""
        record = {"kind": kind, **values}
        self.run.append(record)
        self.reporter.record(record)

    def step(self, progress: Progress) -> None:
        """One optimiser step, of `accumulation` parts."""
        started = time.perf_counter()
        parameters, optimizer = self.model.parameters, self.optimizer
        batch = self.objective.batch(progress.step)
        parameters.zero_gradients()
        loss = 0.0
        for part in batch.split(self.config.accumulation):
            loss += self.objective.loss_and_gradients(self.model, part, batch.n_targets)
        rate = optimizer.next_learning_rate()
        norm = optimizer.update() if math.isfinite(loss) else math.nan
        if not math.isfinite(norm):
            raise self._diverged(progress.step + 1, loss)
        elapsed = time.perf_counter() - started
        progress.step += 1
        progress.seconds += elapsed
        self.record(
            "train",
            step=progress.step,
            steps=progress.n_steps,
            loss=loss,
            learning_rate=rate,
            gradient_norm=norm,
            seconds=round(progress.seconds, 4),
            tokens_per_second=batch.n_tokens / elapsed,
            gflops=self.flops_per_token * batch.n_tokens / elapsed / 1e9,
            memory_bytes=machine.resident_bytes(),
        )

    def evaluate(self, progress: Progress) -> None:
        """A cheap estimate; remembers the best."""
        started = time.perf_counter()
        metrics = self.objective.evaluate(self.model, whole=False)
        if not math.isfinite(metrics["val_loss"]):
            raise self._diverged(progress.step, metrics["val_loss"])
        seconds = time.perf_counter() - started
        self.record(
            "evaluation", step=progress.step, scope="estimate", **metrics, seconds=round(seconds, 4)
        )
        if metrics["val_loss"] < progress.best_loss:
            progress.best_loss, progress.best_step = metrics["val_loss"], progress.step
            progress.stale = 0
        else:
            progress.stale += 1

    def save(self, progress: Progress) -> None:
        """A checkpoint, then forget those that are neither recent nor best.

        Only of finite parameters: the last update may have been the one that went wrong.
        """
        if self.model.parameters.first_not_finite():
            raise self._diverged(progress.step, math.nan)
        path = checkpoint.save(
            self.run.path, progress.step, self.model.parameters, self.optimizer, vars(progress)
        )
        self.record("checkpoint", step=progress.step, path=path.name)
        checkpoint.prune(self.run.path, keep=self.config.keep, best_step=progress.best_step)

    def _diverged(self, step: int, loss: float) -> MinilmError:
        culprit = self.model.parameters.first_not_finite() or "the loss alone"
        kept = checkpoint.steps(self.run.path)
        last = f"the last checkpoint is {checkpoint.name(kept[-1])}" if kept else "none was written"
        return MinilmError(
            f"diverged at step {step}: loss {loss:g}, first not finite: {culprit}; "
            f"{last}; try a lower optimizer.learning_rate"
        )


def train(loop: Loop, progress: Progress, stop: Callable[[], bool]) -> None:
    """Run until all steps are done, patience is at an end, or `stop()` is true.

    `progress` is advanced in place; a checkpoint is written before returning.

    Raises
    ------
    MinilmError
        If the loss or a gradient is not finite, or a checkpoint cannot be written.
    """
    config = loop.config
    saved = progress.step
    while progress.step < progress.n_steps and not stop():
        loop.step(progress)
        if loop.replan:
            progress.n_steps = loop.optimizer.n_steps = loop.replan(progress)
        if progress.step % config.evaluate_every == 0 or progress.step == progress.n_steps:
            loop.evaluate(progress)
            loop.save(progress)
            saved = progress.step
            if config.patience and progress.stale >= config.patience:
                break
    if saved != progress.step:
        loop.save(progress)
