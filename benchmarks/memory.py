"""Peak memory of a training step, minilm beside PyTorch: ``python -m benchmarks.memory [SHAPE]``.

Each library in a process of its own, which takes two steps of a shape of
`benchmarks.train_step` and tells the most memory it has held. Printed: both, their ratio,
and what `minilm.recipes.memory` predicts for minilm. Needs the extra ``minilm[oracle]``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
from collections.abc import Callable
from typing import Any

import minilm  # isort: skip  (before NumPy: it arranges the threads)

from benchmarks.sides import Side, serve
from benchmarks.train_step import MODES, OURS, SHAPES, _ours, _theirs
from minilm import machine
from minilm.models import costs
from minilm.objectives.token_loss import LOGITS_BYTES
from minilm.recipes.memory import INTERPRETER_BYTES


def _answer(side: str, shape: str) -> Callable[..., Any]:
    step = _ours(shape, OURS[side]) if side in OURS else _theirs(shape, side)

    def answer(steps: int) -> int:
        for number in range(steps):
            step(number)
        return machine.peak_bytes()

    return answer


def predicted(shape: str) -> int:
    """The peak of minilm's process, as a run foretells it when its kernels are compiled."""
    config, batch_size = SHAPES[shape]
    logits = min(LOGITS_BYTES, 4 * batch_size * config.block_size * config.vocab_size)
    return INTERPRETER_BYTES + costs.training_bytes(config, batch_size) + logits


def measure(shape: str, modes: list[str]) -> dict[str, Any]:
    """Peaks in bytes."""
    module = "benchmarks.memory"
    # What a first run compiles would count for it: once for the cache, once to measure.
    for attempt in range(2):
        side = Side(module, "minilm", shape)
        ours = side.ask(steps=2 if attempt else 1)
        side.close()
    peaks = {"minilm": ours}
    for mode in modes:
        side = Side(module, mode, shape, peer="torch")
        peaks[mode] = side.ask(steps=2)
        side.close()
    return {
        "shape": shape,
        "peak_bytes": peaks,
        "predicted_bytes": predicted(shape),
        "ratios": {mode: ours / peaks[mode] for mode in modes},
    }


def main() -> None:
    """Print a row for each shape, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("shapes", nargs="*", default=["G1"], help=", ".join(SHAPES))
    parser.add_argument("--modes", nargs="+", default=["eager"], choices=MODES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(_answer(*options.shapes))
        return
    rows = [measure(shape, options.modes) for shape in options.shapes]
    about = f"minilm {minilm.__version__}, torch {importlib.metadata.version('torch')}"
    if options.json:
        print(json.dumps({"versions": about, "cpu": machine.processor(), "rows": rows}))
        return
    print(f"{about}; peak memory of a training step in MB, and minilm's share of PyTorch's")
    print(f"{'':5}{'minilm':>9}{'predicted':>11}" + "".join(f"{m:>22}" for m in options.modes))
    for row in rows:
        peaks = row["peak_bytes"]
        line = f"{row['shape']:5}{peaks['minilm'] / 1e6:9.0f}{row['predicted_bytes'] / 1e6:11.0f}"
        for mode in options.modes:
            line += f"{peaks[mode] / 1e6:12.0f} ({row['ratios'][mode]:6.0%})"
        print(line)


if __name__ == "__main__":
    main()
