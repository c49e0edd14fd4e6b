"""Compiling the kernels of a run before its clock starts, and saying so.

Numba compiles a kernel when it is first called, for the types it is called with, and
large arrays take another form of a kernel than small ones. So the warm-up does in one
layer, once, what the run will do in all: a step of the run's own shape, an evaluation,
a token of a sample. It goes through it twice: first only to learn which kernels are called,
so that those not in the cache can be compiled on all cores, then in earnest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from minilm.generation.cache import Cache
from minilm.kernels.ahead import compile_ahead, missing
from minilm.kernels.jit import noting, on_compile
from minilm.models.architectures import build
from minilm.models.gpt import GPT
from minilm.optim.adamw import AdamW
from minilm.recipes import objectives
from minilm.recipes.recipe import Recipe
from minilm.recipes.text import Text
from minilm.training.reporter import Reporter

__all__ = ["Compilation", "announced", "warm_up"]


@dataclass
class Compilation:
    """What has been compiled so far: how many kernels, in how many seconds."""

    done: int = 0
    seconds: float = 0.0


@contextlib.contextmanager
def announced(reporter: Reporter) -> Iterator[Compilation]:
    """Report each kernel that is really compiled as a ``compile`` record."""
    compilation = Compilation()

    def announce(kernel: str, seconds: float) -> None:
        compilation.done += 1
        compilation.seconds += seconds
        reporter.record(
            {
                "kind": "compile",
                "kernel": kernel,
                "done": compilation.done,
                "seconds": round(compilation.seconds, 2),
            }
        )

    with on_compile(announce):
        yield compilation


def warm_up(recipe: Recipe, text: Text, reporter: Reporter) -> None:
    """Call every kernel that a run of this recipe calls (`model.vocab_size` is set).

    The reporter is told of a phase only if some are to be compiled.
    """
    with np.errstate(all="ignore"), noting() as calls:  # arrays of whatever was in memory
        _go_through(recipe, text)
    if left := missing(calls):
        reporter.record({"kind": "phase", "name": "compiling kernels"})
        compile_ahead(left)
    _go_through(recipe, text)


def _go_through(recipe: Recipe, text: Text) -> None:
    config = recipe.model.changed(n_layer=1)
    rows = recipe.training.batch_size // recipe.training.accumulation
    T = config.block_size
    small = replace(
        recipe,
        model=config,
        training=replace(recipe.training, batch_size=rows, accumulation=1),
    )
    model = build(config)
    task = objectives.build(small, text.stand_in(rows * T + T // 2 + 2))
    optimizer = AdamW(model.parameters, recipe.optimizer, n_steps=1)
    batch = task.batch(0)
    task.loss_and_gradients(model, batch, batch.n_targets)
    optimizer.update()
    model.parameters.zero_gradients()
    task.evaluate(model)  # a full batch of windows, then one that is shorter
    if not isinstance(model, GPT):
        return
    ids = np.zeros((1, T), np.int64)
    cache = Cache(model)
    cache.extend(ids[:, : T - 1] if T > 1 else ids)
    if T > 1:
        cache.extend(ids[:, :1])
