"""One dial: from minutes to model size, batch and length of schedule.

The rule
--------
1. Time a few steps of each size of `LADDER` on this machine, from the smallest.
2. Take the largest that fits in memory and still gets `STEPS` steps of `TOKENS_PER_STEP`
   tokens in the time that reading, evaluating and sampling leave. Fewer steps would leave
   the model unfinished; where there would be many more, a larger model pays better.
3. Train at a constant rate and let it fall over the last `DECAY` of the steps. Until the
   fall begins the schedule does not depend on how many steps there will be, so their
   number follows the clock; during the fall it may still shrink.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from minilm.errors import MinilmError
from minilm.models.architectures import build
from minilm.optim.adamw import AdamW
from minilm.recipes import memory, objectives
from minilm.recipes.recipe import Recipe
from minilm.recipes.text import Text
from minilm.recipes.warmup import warm_up
from minilm.training.loop import Progress
from minilm.training.reporter import Reporter

__all__ = ["LADDER", "plan", "replanner"]

# (layers, heads, channels, positions), each two to three times the arithmetic of the last.
LADDER = (
    (2, 2, 64, 64),
    (3, 3, 96, 128),
    (4, 4, 128, 128),
    (4, 6, 192, 128),
    (6, 8, 256, 128),
    (6, 6, 384, 256),
    (8, 8, 512, 256),
    (10, 10, 640, 256),
    (12, 12, 768, 256),
)
TOKENS_PER_STEP = 1024
STEPS = 1500
DECAY = 0.3
EVALUATIONS = 10
# Of the time, kept back for what the plan cannot foresee.
MARGIN = 0.02
LEAST_SECONDS = 10.0
LEAST_STEPS = 20


def plan(recipe: Recipe, minutes: float, text: Text, clock: float, reporter: Reporter) -> Recipe:
    """The recipe with sizes and schedule for this budget on this machine.

    Parameters
    ----------
    recipe : Recipe
        Its data, seed, and model options other than sizes are kept.
    minutes : float
        For everything from `clock` on.
    clock : float
        `time.perf_counter` when the command began.

    Raises
    ------
    MinilmError
        If the time is not enough for a useful run, or the text for the smallest window.
    """
    total = minutes * 60
    if not LEAST_SECONDS <= total < float("inf"):
        raise MinilmError(f"--minutes {minutes:g}: give at least {LEAST_SECONDS / 60:.2f}")
    best, most = None, 0
    for rung in LADDER:
        candidate = _sized(recipe, *rung)
        if best and not _possible(candidate, text):
            break
        warm_up(candidate, text, reporter)
        seconds = _step_seconds(candidate, text)
        left = total * (1 - MARGIN) - (time.perf_counter() - clock)
        left -= _ending(candidate, text, seconds) + EVALUATIONS * _estimate(candidate, seconds)
        steps = int(left / seconds)
        if best and steps < STEPS:
            break
        best, most = candidate, steps
    if best is None or most < LEAST_STEPS:
        raise MinilmError(
            f"--minutes {minutes:g} is too short on this machine, where starting and finishing "
            "a run takes most of it; give more"
        )
    every = max(10, most // EVALUATIONS)
    return replace(
        best, training=replace(best.training, steps=most, evaluate_every=every, minutes=minutes)
    )


def _sized(recipe: Recipe, n_layer: int, n_head: int, n_embd: int, block_size: int) -> Recipe:
    sizes = {"n_layer": n_layer, "n_head": n_head, "n_embd": n_embd, "block_size": block_size}
    shared_heads = {"n_kv_head": 0} if hasattr(recipe.model, "n_kv_head") else {}
    model = recipe.model.changed(**sizes, n_hidden=0, **shared_heads)
    peak = 4e-3 * min(1.0, 128 / n_embd)
    optimizer = replace(
        recipe.optimizer,
        learning_rate=peak,
        min_learning_rate=peak / 20,
        warmup_steps=50,
        schedule="constant_then_decay",
        decay_fraction=DECAY,
    )
    training = replace(
        recipe.training, batch_size=TOKENS_PER_STEP // block_size, accumulation=1, patience=0
    )
    return replace(recipe, model=model, optimizer=optimizer, training=training)


def _possible(recipe: Recipe, text: Text) -> bool:
    """Whether the text fills a window, and the memory holds the model."""
    predicted = memory.predict(recipe, len(text.counted))
    return recipe.model.block_size < len(text.train.ids) and memory.fits(predicted)


def _step_seconds(recipe: Recipe, text: Text) -> float:
    """The median time of a few steps, after one that does not count."""
    model = build(recipe.model)
    optimizer = AdamW(model.parameters, recipe.optimizer, n_steps=10)
    task = objectives.build(recipe, text)
    times = []
    for step in range(6):
        started = time.perf_counter()
        batch = task.batch(step)
        model.parameters.zero_gradients()
        task.loss_and_gradients(model, batch, batch.n_targets)
        optimizer.update()
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[2]


def _estimate(recipe: Recipe, step_seconds: float) -> float:
    """Seconds of one evaluation within the run: forward passes, a third of a step's work."""
    n_tokens = recipe.training.estimate_windows * recipe.model.block_size
    return step_seconds / TOKENS_PER_STEP / 3 * n_tokens


def _ending(recipe: Recipe, text: Text, step_seconds: float) -> float:
    """Seconds from the last step to the report: the whole split, and the sample."""
    whole = step_seconds / TOKENS_PER_STEP / 3 * len(text.validation.ids)
    return whole + recipe.sample.max_tokens * 1e-3 * recipe.model.n_layer


def replanner(recipe: Recipe, text: Text, clock: float, spent: float) -> Callable[[Progress], int]:
    """How many steps there will be, asked anew after each step.

    Parameters
    ----------
    clock : float
        `time.perf_counter` when this process began with the run.
    spent : float
        Seconds that earlier processes gave it.
    """
    recent: deque[tuple[float, int]] = deque()
    total = recipe.training.minutes * 60 * (1 - MARGIN)

    def n_steps(progress: Progress) -> int:
        now = time.perf_counter()
        progress.spent = spent + now - clock
        recent.append((now, progress.step))
        while progress.step - recent[0][1] > max(20, progress.n_steps // EVALUATIONS):
            recent.popleft()
        done = progress.step - recent[0][1]
        if done < 10:
            return progress.n_steps
        # Wall time, over as many steps as lie between evaluations, so that these count.
        pace = (now - recent[0][0]) / done
        left = total - progress.spent - _ending(recipe, text, progress.seconds / progress.step)
        wanted = progress.step + max(0, int(left / pace))
        falling = progress.step >= progress.n_steps * (1 - DECAY)
        if falling or abs(wanted - progress.n_steps) < 0.02 * progress.n_steps:
            return min(progress.n_steps, wanted)
        return wanted

    return n_steps
