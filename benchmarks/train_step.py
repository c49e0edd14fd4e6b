"""One training step, minilm beside PyTorch: ``python -m benchmarks.train_step [SHAPE ...]``.

Forward, loss, backward, clipping, AdamW; GPT-2's architecture with biases, no dropout,
float32, both libraries on all cores, in turn, in one process. PyTorch runs eagerly with
fused attention and fused AdamW. Printed: medians, their ratio, and minilm's share of the
matrix-product rate measured between the rounds. Needs the extra ``minilm[oracle]``.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable

import minilm  # isort: skip  (before NumPy: it arranges the threads)

import numpy as np
import torch

from benchmarks.peer import PeerGPT, adamw
from minilm import machine
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.next_token import NextToken
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig

SHAPES = {
    "S": (GPTConfig(vocab_size=65, block_size=64, n_layer=4, n_head=4, n_embd=128), 12),
    "M": (GPTConfig(vocab_size=65, block_size=256, n_layer=6, n_head=6, n_embd=384), 64),
    "G": (GPTConfig(vocab_size=50257, block_size=64, n_layer=12, n_head=12, n_embd=768), 4),
}
SECONDS = 8.0  # of each side in each of the rounds
ROUNDS = 3


def _ours(config: GPTConfig, batch_size: int) -> tuple[Callable[[], None], GPT, NextToken]:
    ids = np.random.default_rng(0).integers(0, config.vocab_size, 100_000)
    model = GPT(config)
    objective = NextToken(
        ids,
        ids,
        np.ones(config.vocab_size, int),
        batch_size=batch_size,
        block_size=config.block_size,
        seed=0,
    )
    optimizer = AdamW(model.parameters, OptimizerConfig(), n_steps=10**6)

    def step() -> None:
        batch = objective.batch(optimizer.n_updates)
        model.parameters.zero_gradients()
        objective.loss_and_gradients(model, batch, batch.n_targets)
        optimizer.update()

    return step, model, objective


def _theirs(model: GPT, objective: NextToken) -> Callable[[], None]:
    peer = PeerGPT(model.config, model.parameters)
    optimizer = adamw(peer, OptimizerConfig(), fused=True)
    done = 0

    def step() -> None:
        nonlocal done
        batch = objective.batch(done)
        done += 1
        optimizer.zero_grad()
        peer.loss(torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)).backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        optimizer.step()

    return step


def _timed(step: Callable[[], None]) -> list[float]:
    step()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 3:
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return times


def measure(shape: str) -> dict[str, float | str]:
    """Median milliseconds of both sides, and what follows from them."""
    config, batch_size = SHAPES[shape]
    ours, model, objective = _ours(config, batch_size)
    theirs = _theirs(model, objective)
    times: dict[str, list[float]] = {"minilm": [], "torch": []}
    peak = 0.0
    for _ in range(ROUNDS):
        times["minilm"] += _timed(ours)
        times["torch"] += _timed(theirs)
        peak = max(peak, machine.sgemm_gflops())
    seconds, reference = (statistics.median(t) for t in times.values())
    tokens = batch_size * config.block_size
    gflops = config.flops_per_token() * tokens / seconds / 1e9
    return {
        "shape": shape,
        "minilm_ms": seconds * 1e3,
        "torch_ms": reference * 1e3,
        "ratio": reference / seconds,
        "gflops": gflops,
        "peak_gflops": peak,
        "peak_share": gflops / peak,
    }


def main() -> None:
    """Print a row for each shape named on the command line, or with ``--json`` one object."""
    names = [a for a in sys.argv[1:] if a != "--json"] or ["S"]
    about = f"torch {torch.__version__}, numpy {np.__version__}, {platform.processor()}"
    rows = [measure(name) for name in names]
    if "--json" in sys.argv:
        print(json.dumps({"versions": about, "threads": machine.threads(), "rows": rows}))
        return
    print(f"minilm {minilm.__version__}, {about}, {machine.threads()} cores; medians")
    print(
        f"{'shape':5} {'minilm ms':>10} {'torch ms':>10} {'ratio':>6} {'GFLOP/s':>8} {'of peak':>8}"
    )
    for row in rows:
        print(
            f"{row['shape']:5} {row['minilm_ms']:10.1f} {row['torch_ms']:10.1f} "
            f"{row['ratio']:6.2f} {row['gflops']:8.0f} {row['peak_share']:8.0%}"
        )


if __name__ == "__main__":
    main()
