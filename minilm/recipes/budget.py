"""One dial: from minutes to model size, batch and length of schedule.

The rule
--------
1. Time one step of each size of `LADDER`, from the smallest, on this machine.
2. Take the largest that still gets `STEPS` steps in the time left. Fewer steps leave a
   model unfinished; more would have paid better as a larger model.
3. Train at a constant rate and let it fall over the last `DECAY` of the steps. Until the
   fall begins the schedule does not depend on how many steps there will be, so their
   number follows the clock; during the fall it may still shrink.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from minilm.errors import MinilmError
from minilm.models.gpt import GPT
from minilm.objectives.next_token import NextToken
from minilm.optim.adamw import AdamW
from minilm.recipes.recipe import Recipe
from minilm.recipes.text import Text
from minilm.recipes.warmup import compile_kernels
from minilm.training.loop import Progress
from minilm.training.reporter import Reporter

__all__ = ["LADDER", "plan", "replanner"]

# (layers, heads, channels, positions), each about twice the arithmetic of the one before.
LADDER = (
    (2, 2, 64, 64),
    (3, 3, 96, 64),
    (4, 4, 128, 128),
    (4, 6, 192, 128),
    (6, 8, 256, 128),
    (6, 6, 384, 256),
    (8, 8, 512, 256),
    (10, 10, 640, 256),
    (12, 12, 768, 256),
)
TOKENS_PER_STEP = 2048
STEPS = 1000
DECAY = 0.3
# Of the time, for what the plan cannot foresee.
MARGIN = 0.02
LEAST_SECONDS = 10.0


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
        If the time is not enough for a useful run.
    """
    total = minutes * 60
    if not LEAST_SECONDS <= total < float("inf"):
        raise MinilmError(f"--minutes {minutes:g}: give at least {LEAST_SECONDS / 60:.2f}")
    compile_kernels(recipe.model, reporter)
    reporter.record({"kind": "phase", "name": "measuring this machine"})
    chosen = None
    for rung in LADDER:
        candidate = _sized(recipe, *rung)
        if candidate.model.block_size + 1 > len(text.train.ids):
            break
        seconds = _step_seconds(candidate, text)
        left = total - (time.perf_counter() - clock)
        left -= _finish_seconds(candidate, text, seconds)
        steps = int(left * (1 - MARGIN) / seconds)
        if chosen is None or steps >= STEPS:
            chosen = candidate, steps
        if steps < 2 * STEPS:
            break
    if chosen is None or chosen[1] < 20:
        raise MinilmError(
            f"--minutes {minutes:g} is too short on this machine, where starting and finishing "
            "a run takes most of it; give more"
        )
    candidate, steps = chosen
    training = replace(
        candidate.training, steps=steps, evaluate_every=max(10, steps // 10), minutes=minutes
    )
    return replace(candidate, training=training)


def _sized(recipe: Recipe, n_layer: int, n_head: int, n_embd: int, block_size: int) -> Recipe:
    model = replace(
        recipe.model,
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        block_size=block_size,
        n_kv_head=0,
        n_hidden=0,
    )
    peak = 2e-3 * min(1.0, 192 / n_embd)
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


def _step_seconds(recipe: Recipe, text: Text) -> float:
    """The median time of a few steps, after one that does not count."""
    model = GPT(recipe.model)
    optimizer = AdamW(model.parameters, recipe.optimizer, n_steps=10)
    objective = NextToken(
        text.train.ids,
        text.validation.ids,
        text.bytes_per_id,
        batch_size=recipe.training.batch_size,
        block_size=recipe.model.block_size,
        seed=0,
    )
    times = []
    for step in range(4):
        started = time.perf_counter()
        batch = objective.batch(step)
        model.parameters.zero_gradients()
        objective.loss_and_gradients(model, batch, batch.n_targets)
        optimizer.update()
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[1]


def _finish_seconds(recipe: Recipe, text: Text, step_seconds: float) -> float:
    """Evaluation of the whole split, and the sample."""
    forward = step_seconds / TOKENS_PER_STEP / 3
    estimates = 10 * recipe.training.estimate_windows * recipe.model.block_size
    sample = recipe.sample.max_tokens * 1e-3 * recipe.model.n_layer
    return forward * (len(text.validation.ids) + estimates) + sample


def replanner(recipe: Recipe, text: Text, clock: float, spent: float) -> Callable[[Progress], int]:
    """How many steps there will be, asked anew after each step.

    Parameters
    ----------
    clock : float
        `time.perf_counter` when this process began with the run.
    spent : float
        Seconds that earlier processes gave it.
    """
    began = first = None
    total = recipe.training.minutes * 60 * (1 - MARGIN) - spent

    def n_steps(progress: Progress) -> int:
        nonlocal began, first
        now = time.perf_counter()
        if began is None or first is None:
            began, first = now, progress.step
        done = progress.step - first
        if done < 10:
            return progress.n_steps
        seconds = (now - began) / done
        left = (
            total - (now - clock) - _finish_seconds(recipe, text, progress.seconds / progress.step)
        )
        wanted = max(progress.step, progress.step + int(left / seconds))
        falling = progress.step >= progress.n_steps * (1 - DECAY)
        if falling or abs(wanted - progress.n_steps) < 0.02 * progress.n_steps:
            return min(progress.n_steps, wanted)
        return wanted

    return n_steps
