"""Generation with a key-value cache, minilm beside Hugging Face: ``python -m benchmarks.generate``.

GPT-2's shape with random weights, greedy, each library in a process of its own, in turn, with
all cores. minilm in float32 and with its weights in bfloat16; Hugging Face's ``generate`` in
float32. Printed: the prefill of a prompt, and beside it the same tokens in training's forward pass
(in bf16 in mixed precision); the median time of a token after it; tokens/s; and how near that
comes to the bytes of weights and cache that a token reads, at the speed at which this machine
reads memory, measured between the rounds. Needs ``minilm[oracle]``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import minilm  # isort: skip  (before NumPy: it arranges the threads)

import numpy as np

from benchmarks.sides import Side, serve
from minilm import machine
from minilm.models.sizes import named

PROMPT, TOKENS = 128, 64
SIDES = ("float32", "bf16", "transformers")


def _prompt(vocabulary: int, rows: int, n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, vocabulary, (rows, n))


def _ours(size: str, precision: str, rows: int, prompt: int) -> Callable[[int], list[float]]:
    from minilm import backend
    from minilm.generation.cache import Cache
    from minilm.generation.half import keep_halves
    from minilm.models.gpt import GPT

    model = trained = GPT(named(size))
    if precision == "bf16":
        trained = GPT(named(size))  # whose weights stay as they are
        keep_halves(model)
    tokens = _prompt(model.config.vocab_size, rows, prompt)

    def forward() -> float:
        with backend.computing(precision):
            started = time.perf_counter()
            x, _ = trained.features(tokens)
            trained.head.forward(x[:, -1])
            return time.perf_counter() - started

    def generate(n: int) -> list[float]:
        times, following = [forward()], tokens
        cache = Cache(model, batch_size=rows, n_positions=prompt + n)
        for _ in range(n + 1):
            started = time.perf_counter()
            following = cache.extend(following).argmax(axis=1)[:, None]
            times.append(time.perf_counter() - started)
        return times

    return generate


def _theirs(size: str, rows: int, prompt: int) -> Callable[[int], list[float]]:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = named(size)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.block_size,
            n_embd=config.n_embd,
            n_layer=config.n_layer,
            n_head=config.n_head,
        )
    ).eval()
    tokens = torch.from_numpy(_prompt(config.vocab_size, rows, prompt))
    settings: dict[str, Any] = {"do_sample": False, "use_cache": True, "pad_token_id": 0}

    def generate(n: int) -> list[float]:
        times = []
        with torch.inference_mode():
            for length in (1, n + 1):
                started = time.perf_counter()
                model.generate(
                    tokens, max_new_tokens=length, min_new_tokens=length,
                    attention_mask=torch.ones_like(tokens), **settings,
                )  # fmt: skip
                times.append(time.perf_counter() - started)
        first, whole = times
        return [0.0, first, *[(whole - first) / n] * n]  # no forward pass of training

    return generate


def _answer(side: str, size: str, rows: str, prompt: str) -> Callable[..., Any]:
    shape = int(rows), int(prompt)
    run = _theirs(size, *shape) if side == "transformers" else _ours(size, side, *shape)

    def answer(n: int = 0) -> Any:
        if n:
            return run(n)
        return machine.read_gigabytes()

    return answer


def bytes_read(size: str, side: str, rows: int, positions: float) -> float:
    """Bytes of weights and of the cache of all rows that one token has to read."""
    config = named(size)
    itemsize = 2 if side == "bf16" else 4
    # Of the table of positions a token reads one row, and the table of tokens as the head.
    weights = config.n_parameters() - config.block_size * config.n_embd
    return itemsize * weights + rows * positions * config.cache_bytes_per_token()


def measure(
    size: str, rows: int, sides: list[str], tokens: int, rounds: int
) -> list[dict[str, Any]]:
    """A row for each side: medians of all tokens of all rounds."""
    arguments = [size, str(rows), str(PROMPT)]
    children = {
        side: Side(
            "benchmarks.generate", side, *arguments,
            peer="torch" if side == "transformers" else "",
        )
        for side in sides
    }  # fmt: skip
    forward: dict[str, list[float]] = {side: [] for side in sides}
    prefill: dict[str, list[float]] = {side: [] for side in sides}
    token: dict[str, list[float]] = {side: [] for side in sides}
    speed = 0.0
    for child in children.values():
        child.ask(n=2)  # compiles, and touches all memory
    for _ in range(rounds):
        for side, child in children.items():
            trained, first, *others = child.ask(n=tokens)
            forward[side].append(trained)
            prefill[side].append(first)
            token[side] += others
        speed = max(speed, children[sides[0]].ask())
    for child in children.values():
        child.close()
    found = []
    for side in sides:
        seconds = statistics.median(token[side])
        read = bytes_read(size, side, rows, PROMPT + tokens / 2)
        found.append(
            {
                "side": side,
                "size": size,
                "rows": rows,
                "forward_ms": statistics.median(forward[side]) * 1e3 or None,
                "prefill_ms": statistics.median(prefill[side]) * 1e3,
                "token_ms": seconds * 1e3,
                "tokens_per_second": rows / seconds,
                "bandwidth_share": read / seconds / 1e9 / speed,
                "read_gigabytes_per_second": speed,
            }
        )
    return found


def main() -> None:
    """Print the rows, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--size", default="gpt2")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8], help="texts at once")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(_answer(*options.serve))
        return
    shapes = [
        measure(options.size, n, options.sides, options.tokens, options.rounds)
        for n in options.rows
    ]
    about = f"minilm {minilm.__version__}, numpy {np.__version__}"
    if "transformers" in options.sides:
        for name in ("transformers", "torch"):
            about += f", {name} {importlib.metadata.version(name)}"
    if options.json:
        rows = [row for rows in shapes for row in rows]
        print(json.dumps({"versions": about, "cpu": machine.processor(), "rows": rows}))
        return
    print(f"{about}; {machine.processor()}")
    print(f"{options.size}, prompt of {PROMPT} tokens, then {options.tokens} more; medians")
    print(
        f"{'texts':5} {'':14}{'forward ms':>11}{'prefill ms':>11}{'token ms':>10}{'tokens/s':>10}"
        f"{'of bandwidth':>14}{'ratio':>7}"
    )
    for rows in shapes:
        ours = next((row["token_ms"] for row in rows if row["side"] == "float32"), float("nan"))
        for row in rows:
            forward = f"{row['forward_ms']:.1f}" if row["forward_ms"] else ""
            print(
                f"{row['rows']:5} {row['side']:14}{forward:>11}"
                f"{row['prefill_ms']:11.1f}{row['token_ms']:10.2f}"
                f"{row['tokens_per_second']:10.1f}{row['bandwidth_share']:14.0%}"
                f"{row['token_ms'] / ours:7.2f}"
            )
    print(
        f"memory is read at {shapes[0][0]['read_gigabytes_per_second']:.1f} GB/s; ratio: to float32"
    )


if __name__ == "__main__":
    main()
