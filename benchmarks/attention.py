"""Causal attention, forward and backward, beside PyTorch's: ``python -m benchmarks.attention``.

Ours and ``scaled_dot_product_attention``, float32, heads as views of one (B, T, 3HD) array as
in a model, each library in a process of its own, in turn. Printed: medians in ms and the ratio
in float32. Ours with factors rounded to bfloat16 stands beside them.
Needs the extra ``minilm[oracle]``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import minilm  # isort: skip  (before NumPy: it arranges the threads)

import numpy as np

from benchmarks.sides import Side, serve

SHAPES = ((12, 4, 64, 32), (64, 6, 256, 64), (1, 12, 1024, 64))  # B, H, T, D
ROUNDS = 5


def _array(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _ours(module: Any, B: int, H: int, T: int, D: int) -> Callable[[], None]:
    fused = _array(0, B, T, 3 * H, D).transpose(0, 2, 1, 3)
    gradients = np.empty((B, T, 3 * H, D), np.float32).transpose(0, 2, 1, 3)
    parts = [slice(0, H), slice(H, 2 * H), slice(2 * H, 3 * H)]
    dy = _array(1, B, T, H, D).transpose(0, 2, 1, 3)

    def step() -> None:
        _, saved = module.forward(*(fused[:, part] for part in parts), causal=True)
        module.backward(dy, saved, out=tuple(gradients[:, part] for part in parts))

    return step


def _theirs(B: int, H: int, T: int, D: int) -> Callable[[], None]:
    import torch

    fused = torch.from_numpy(_array(0, B, T, 3 * H, D)).requires_grad_()
    dy = torch.from_numpy(_array(1, B, T, H, D)).transpose(1, 2)

    def step() -> None:
        fused.grad = None
        q, k, v = fused.transpose(1, 2).split(H, dim=1)
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y.backward(dy)

    return step


def _step(side: str, sizes: tuple[int, ...]) -> Callable[[], None]:
    if side == "torch":
        return _theirs(*sizes)
    module = "attention_bf16" if side == "minilm-bf16" else "attention"
    return _ours(importlib.import_module(f"minilm.kernels.{module}"), *sizes)


def _answer(side: str, shape: str) -> Callable[..., Any]:
    step = _step(side, tuple(map(int, shape.split("x"))))

    def answer(seconds: float) -> list[float]:
        times: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 3:
            started = time.perf_counter()
            step()
            times.append(time.perf_counter() - started)
        return times

    return answer


def measure(shape: tuple[int, ...], seconds: float) -> dict[str, Any]:
    """Median milliseconds of each side."""
    name = "x".join(map(str, shape))
    sides = {
        "minilm": Side("benchmarks.attention", "minilm", name),
        "torch": Side("benchmarks.attention", "torch", name, peer="torch"),
        "minilm-bf16": Side("benchmarks.attention", "minilm-bf16", name),
    }
    times: dict[str, list[float]] = {side: [] for side in sides}
    for side in sides.values():
        side.ask(seconds=0.1)
    for _ in range(ROUNDS):
        for key, side in sides.items():
            times[key] += side.ask(seconds=seconds)
    for side in sides.values():
        side.close()
    medians = {key: statistics.median(found) * 1e3 for key, found in times.items()}
    return {"shape": shape, **medians, "ratio": medians["torch"] / medians["minilm"]}


def main() -> None:
    """Print a row for each shape, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attention", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seconds", type=float, default=1.0, help="a side and round")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(_answer(*options.serve))
        return
    rows = [measure(shape, options.seconds) for shape in SHAPES]
    if options.json:
        print(json.dumps({"minilm": minilm.__version__, "rows": rows}))
        return
    print(f"{'(B, H, T, D)':22}{'minilm ms':>11}{'torch ms':>11}{'ratio':>8}{'bf16 ms':>11}")
    for row in rows:
        figures = f"{row['minilm']:11.2f}{row['torch']:11.2f}{row['ratio']:8.2f}"
        print(f"{row['shape']!s:22}{figures}{row['minilm-bf16']:11.2f}")


if __name__ == "__main__":
    main()
