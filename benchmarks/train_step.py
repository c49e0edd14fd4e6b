"""One training step, minilm beside PyTorch: ``python -m benchmarks.train_step [SHAPE ...]``.

Forward, loss, backward, clipping, AdamW; GPT-2's architecture with biases, no dropout, on
all cores, each side in a process of its own, in turn. minilm in float32 and in bf16. PyTorch:
a nanoGPT-style model with fused attention and fused AdamW, in the modes that ``--modes`` names.
Printed: medians; how many times as fast minilm is, in bf16 beside PyTorch's modes in bf16 and
in float32 beside the others; and minilm's share of the rate of float32 products measured
between the rounds.
Needs the extra ``minilm[oracle]``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import minilm  # isort: skip  (before NumPy: it arranges the threads)

import numpy as np

from benchmarks.sides import Side, serve
from minilm.backend import computing
from minilm.models.config import GPTConfig
from minilm.optim.config import OptimizerConfig

SHAPES = {
    "S": (GPTConfig(vocab_size=65, block_size=64, n_layer=4, n_head=4, n_embd=128), 12),
    "M": (GPTConfig(vocab_size=65, block_size=256, n_layer=6, n_head=6, n_embd=384), 64),
    "G": (GPTConfig(vocab_size=50257, block_size=64, n_layer=12, n_head=12, n_embd=768), 4),
    "G1": (GPTConfig(vocab_size=50257, block_size=1024, n_layer=12, n_head=12, n_embd=768), 1),
}
MODES = ("eager", "compiled", "bf16", "bf16-compiled")
OURS = {"minilm": "float32", "minilm-bf16": "bf16"}
SECONDS = 6.0  # of each side in each of the rounds
ROUNDS = 3


def _batches(shape: str) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    config, batch_size = SHAPES[shape]
    size = (batch_size, config.block_size)

    def batch(step: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(step)
        return tuple(generator.integers(0, config.vocab_size, size) for _ in range(2))  # type: ignore[return-value]

    return batch


def _ours(shape: str, precision: str) -> Callable[[int], None]:
    from minilm.models.gpt import GPT
    from minilm.objectives.token_loss import loss_and_gradient
    from minilm.optim.adamw import AdamW

    config, _ = SHAPES[shape]
    model, batch = GPT(config), _batches(shape)
    optimizer = AdamW(model.parameters, OptimizerConfig(), n_steps=10**6)

    def step(number: int) -> None:
        inputs, targets = batch(number)
        with computing(precision):
            model.parameters.zero_gradients()
            x, saved = model.features(inputs)
            _, dx = loss_and_gradient(
                model.head, x, targets, vocab_size=config.vocab_size, normalizer=targets.size
            )
            model.features_backward(dx, saved)
            optimizer.update()

    return step


def _theirs(shape: str, mode: str) -> Callable[[int], None]:
    import torch

    from benchmarks.peer import PeerGPT, adamw
    from minilm.models.gpt import GPT

    batch = _batches(shape)
    peer: Any = PeerGPT(SHAPES[shape][0], GPT(SHAPES[shape][0]).parameters)
    optimizer = adamw(peer, OptimizerConfig(), fused=True)
    loss_of = torch.compile(peer.loss) if mode.endswith("compiled") else peer.loss
    half = mode.startswith("bf16")

    def step(number: int) -> None:
        inputs, targets = map(torch.from_numpy, batch(number))
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = loss_of(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        optimizer.step()

    return step


def _answer(side: str, shape: str) -> Callable[..., Any]:
    """What a child does when asked: run for some seconds, or say how fast products are."""
    step = _ours(shape, OURS[side]) if side in OURS else _theirs(shape, side)
    done = 0

    def answer(seconds: float = 0.0) -> Any:
        nonlocal done
        if not seconds:
            from minilm import machine

            return {"peak_gflops": machine.sgemm_gflops(), "peak_bytes": machine.peak_bytes()}
        times: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 2:
            started = time.perf_counter()
            step(done)
            done += 1
            times.append(time.perf_counter() - started)
        return times

    return answer


def measure(shape: str, modes: list[str], seconds: float, rounds: int) -> dict[str, Any]:
    """Median milliseconds of all sides, and what follows from them."""
    module = "benchmarks.train_step"
    sides = {name: Side(module, name, shape) for name in OURS}
    sides |= {mode: Side(module, mode, shape, peer="torch") for mode in modes}
    times: dict[str, list[float]] = {name: [] for name in sides}
    peak, memory = 0.0, {}
    for side in sides.values():
        side.ask(seconds=0.01)  # compiles, and touches all memory
    for _ in range(rounds):
        for name, side in sides.items():
            times[name] += side.ask(seconds=seconds)
        found = sides["minilm"].ask()
        peak = max(peak, found["peak_gflops"])
    for name, side in sides.items():
        memory[name] = side.ask()["peak_bytes"]
        side.close()
    config, batch_size = SHAPES[shape]
    milliseconds = {name: statistics.median(found) * 1e3 for name, found in times.items()}
    flops = config.flops_per_token() * batch_size * config.block_size
    gflops = {name: flops / milliseconds[name] / 1e6 for name in OURS}
    return {
        "shape": shape,
        "milliseconds": milliseconds,
        "ratios": {mode: milliseconds[mode] / milliseconds[_rival(mode)] for mode in modes},
        "gflops": gflops,
        "peak_gflops": peak,
        "peak_share": {name: rate / peak for name, rate in gflops.items()},
        "peak_memory_bytes": memory,
    }


def _rival(mode: str) -> str:
    """Which of minilm's sides stands beside a mode of PyTorch's."""
    return "minilm-bf16" if mode.startswith("bf16") else "minilm"


def main() -> None:
    """Print a row for each shape named on the command line, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_step", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("shapes", nargs="*", default=["S"], help=", ".join(SHAPES))
    parser.add_argument("--modes", nargs="+", default=["eager"], choices=MODES)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="a side and round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(_answer(*options.shapes))
        return
    rows = [measure(s, options.modes, options.seconds, options.rounds) for s in options.shapes]
    torch = importlib.metadata.version("torch")
    about = f"minilm {minilm.__version__}, torch {torch}, numpy {np.__version__}"
    if options.json:
        print(json.dumps({"versions": about, "cpu": _processor(), "rows": rows}))
        return
    print(f"{about}; {_processor()}; medians in ms, and how many times as fast minilm is")
    sides = list(rows[0]["milliseconds"])
    print(f"{'':3}" + "".join(f"{side:>21}" for side in sides) + f"{'of peak':>14}  memory, MB")
    for row in rows:
        print(f"{row['shape']:3}" + "".join(_cell(row, side) for side in sides), end="")
        print(f"{' / '.join(f'{share:.0%}' for share in row['peak_share'].values()):>14}", end="  ")
        print(" / ".join(f"{n / 1e6:.0f}" for n in row["peak_memory_bytes"].values()))


def _cell(row: dict[str, Any], side: str) -> str:
    ratio = f" ({row['ratios'][side]:5.2f}x)" if side in row["ratios"] else ""
    return f"{row['milliseconds'][side]:.1f}{ratio}".rjust(21)


def _processor() -> str:
    """The name of the processor, where the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
