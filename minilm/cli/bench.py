"""``minilm bench``: how fast this machine trains and writes, in under a minute."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from minilm.cli.formatting import count, share, to_json
from minilm.cli.options import POSITIVE, described
from minilm.errors import MinilmError

__all__ = ["Bench"]

# Training: layers, heads, channels, positions, sequences; 65 characters.
SHAPES = {"small": (4, 4, 128, 64, 12), "medium": (6, 6, 384, 256, 4)}
ATTENTION = (1, 12, 1024, 64)  # B, H, T, D: a sequence of GPT-2's
WRITER = (12, 12, 768, 8192)  # layers, heads, channels, vocabulary of the model that writes
SECONDS = 4.0


@dataclass(frozen=True)
class Bench:
    """Measure this machine: products, memory, training, attention, generation. No network.

    Shares are of the two limits measured first: arithmetic for training and attention, the
    reading of memory for generation. minilm info tells what holds a machine back.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm bench", "measure how fast this machine is"),
        ("minilm bench --torch", ""),
        ("minilm bench --seconds 0.5 --json", ""),
    )

    seconds: Annotated[float, POSITIVE, described(hint=f"(default: {SECONDS:.0f})")] = SECONDS
    """How long to measure each thing."""
    torch: Annotated[bool, described()] = False
    """Measure PyTorch's attention and products beside, if it is installed."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Measure and print."""
        import minilm
        from minilm import machine

        if self.torch:
            _require_torch()
        steps = [*MEASURES.items(), *(THEIRS.items() if self.torch else ())]
        found: dict[str, dict[str, Any]] = {}
        from minilm.cli.bar import showing

        with showing(sys.stderr) as bar:
            for done, (name, measure) in enumerate(steps):
                bar.show(name, done / len(steps), steady=True)
                found[name] = measure(self.seconds)
        _add_shares(found)
        if self.json:
            about = {"minilm": minilm.__version__, "processor": machine.processor()}
            print(to_json({**about, "threads": machine.threads(), "measures": found}))
            return 0
        print(f"minilm {minilm.__version__} on {machine.processor()}, {machine.threads()} cores\n")
        for name, row in found.items():
            of = f"{share(row['share'])} of {row['of']}" if "share" in row else ""
            print(f"  {name:30} {count(row['value']):>8} {row['unit']:9} {of}".rstrip())
        return 0


def _median(work: Callable[[], object], seconds: float) -> float:
    """Median seconds of a call, after one that compiles."""
    work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _products(seconds: float) -> dict[str, Any]:
    from minilm import machine

    return {"value": machine.sgemm_gflops(seconds / 4) * 1e9, "unit": "FLOP/s"}


def _memory(seconds: float) -> dict[str, Any]:
    from minilm import machine

    return {"value": machine.read_gigabytes(seconds / 4) * 1e9, "unit": "B/s"}


def _training(name: str) -> Callable[[float], dict[str, Any]]:
    def measure(seconds: float) -> dict[str, Any]:

        from minilm import rng
        from minilm.models.config import GPTConfig
        from minilm.models.gpt import GPT
        from minilm.objectives.token_loss import loss_and_gradient
        from minilm.optim.adamw import AdamW
        from minilm.optim.config import OptimizerConfig

        layers, heads, channels, T, B = SHAPES[name]
        config = GPTConfig(
            vocab_size=65, block_size=T, n_layer=layers, n_head=heads, n_embd=channels
        )
        model = GPT(config)
        optimizer = AdamW(model.parameters, OptimizerConfig(), n_steps=10**6)
        inputs, targets = rng.generator(0, 0, "bench").integers(0, 65, (2, B, T))

        def step() -> None:
            model.parameters.zero_gradients()
            x, saved = model.features(inputs)
            _, dx = loss_and_gradient(model.head, x, targets, vocab_size=65, normalizer=B * T)
            model.features_backward(dx, saved)
            optimizer.update()

        rate = B * T / _median(step, seconds)
        return {"value": rate, "unit": "tokens/s", "flops": rate * config.flops_per_token()}

    return measure


def _attention_arrays() -> Any:
    import numpy as np

    from minilm import rng

    B, H, T, D = ATTENTION
    generator = rng.generator(0, 0, "bench")
    return [generator.standard_normal((B, T, H, D), np.float32) for _ in range(4)]


# Forward two products of T x T/2 x D for each head, backward five.
_ATTENTION_FLOPS = 7 * ATTENTION[0] * ATTENTION[1] * ATTENTION[2] ** 2 * ATTENTION[3]


def _attention(seconds: float) -> dict[str, Any]:
    from minilm.kernels import attention

    q, k, v, dy = (x.transpose(0, 2, 1, 3) for x in _attention_arrays())

    def step() -> None:
        _, saved = attention.forward(q, k, v, causal=True)
        attention.backward(dy, saved)

    rate = _ATTENTION_FLOPS / _median(step, seconds)
    return {"value": rate, "unit": "FLOP/s", "flops": rate}


def _generation(rows: int, *, half: bool = False) -> Callable[[float], dict[str, Any]]:
    def measure(seconds: float) -> dict[str, Any]:
        import numpy as np

        from minilm.generation.cache import Cache
        from minilm.generation.half import keep_halves
        from minilm.models.config import GPTConfig
        from minilm.models.gpt import GPT

        layers, heads, channels, vocabulary = WRITER
        config = GPTConfig(
            vocab_size=vocabulary, block_size=512, n_layer=layers, n_head=heads, n_embd=channels
        )
        model = GPT(config)
        if half:
            keep_halves(model)
        cache = Cache(model, batch_size=rows)
        cache.extend(np.zeros((rows, 128), np.int64))

        def token() -> None:
            cache.length = 128
            cache.extend(np.zeros((rows, 1), np.int64))

        taken = _median(token, seconds)
        weights = config.n_parameters() - config.block_size * channels
        read = (2 if half else 4) * weights + rows * 129 * config.cache_bytes_per_token()
        return {"value": rows / taken, "unit": "tokens/s", "bytes": read / taken}

    return measure


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MinilmError(
            "PyTorch is not installed: leave --torch out, or pip install torch"
        ) from None


def _their_attention(seconds: float) -> dict[str, Any]:
    import torch

    q, k, v, dy = (torch.from_numpy(x).transpose(1, 2) for x in _attention_arrays())
    for x in (q, k, v):
        x.requires_grad_()

    def step() -> None:
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y.backward(dy)

    rate = _ATTENTION_FLOPS / _median(step, seconds)
    return {"value": rate, "unit": "FLOP/s", "flops": rate}


def _their_product(seconds: float) -> dict[str, Any]:
    import torch

    size = 1024
    a = torch.full((size, size), 0.5)
    rate = 2 * size**3 / _median(lambda: a @ a, seconds / 4)
    return {"value": rate, "unit": "FLOP/s", "flops": rate}


def _add_shares(found: dict[str, dict[str, Any]]) -> None:
    """Of the limits, to what was measured after them."""
    for row in found.values():
        for key, limit in (("flops", "matrix products"), ("bytes", "reading memory")):
            if key in row:
                row["share"] = row.pop(key) / found[limit]["value"]
                row["of"] = limit


MEASURES: dict[str, Callable[[float], dict[str, Any]]] = {
    "matrix products": _products,
    "reading memory": _memory,
    "training, small": _training("small"),
    "training, medium": _training("medium"),
    "attention": _attention,
    "writing, 1 text": _generation(1),
    "writing, 8 texts": _generation(8),
    "writing, 1 text, bf16": _generation(1, half=True),
}
THEIRS: dict[str, Callable[[float], dict[str, Any]]] = {
    "matrix products, PyTorch": _their_product,
    "attention, PyTorch": _their_attention,
}
