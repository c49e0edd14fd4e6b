"""Compiling the kernels of a run before its clock starts.

Numba compiles a kernel when it is first called. A step of a tiny model with the same
options calls them all, with the same types; once compiled, they come from the cache.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from minilm.kernels.jit import on_compile
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.next_token import NextToken
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig
from minilm.training.reporter import Reporter

__all__ = ["compile_kernels"]


def compile_kernels(config: GPTConfig, reporter: Reporter) -> float:
    """Compile what a model of this configuration needs; returns the seconds it took.

    Each kernel that was not in the cache is a ``compile`` record.
    """
    reporter.record({"kind": "phase", "name": "compiling kernels"})
    done = 0
    started = time.perf_counter()

    def announce(kernel: str, seconds: float) -> None:
        nonlocal done
        done += 1
        elapsed = time.perf_counter() - started
        reporter.record(
            {"kind": "compile", "kernel": kernel, "done": done, "seconds": round(elapsed, 2)}
        )

    tiny = replace(config, vocab_size=11, block_size=8, n_layer=1, n_hidden=0)
    ids = np.arange(40) % 11
    with on_compile(announce):
        model = GPT(tiny)
        objective = NextToken(ids, ids, np.ones(11, int), batch_size=2, block_size=8, seed=0)
        optimizer = AdamW(model.parameters, OptimizerConfig(), n_steps=1)
        batch = objective.batch(0)
        objective.loss_and_gradients(model, batch, batch.n_targets)
        optimizer.update()
        objective.evaluate(model)
    return time.perf_counter() - started if done else 0.0
