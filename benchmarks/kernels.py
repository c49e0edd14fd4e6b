"""Every kernel beside its reference twin and, where it is installed, PyTorch.

    python -m benchmarks.kernels [NAME ...] [--seconds S] [--json]

The sides take turns within one process, so that a change of clock or load meets all of
them alike, and the median of each counts. "GB/s" counts every array once that a pass must
read or write, "GFLOP/s" the multiplications and additions of matrix products; both
are those of the kernel. `benchmarks.roofline` draws them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from minilm import backend  # first: it sets up the threads of the libraries below

# isort: split
import numba
import numpy as np
from numpy.typing import NDArray

from minilm.reference import rope

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = None  # type: ignore[assignment]


@dataclass
class Case:
    """One pass of one operation: what to call, and what it costs at least."""

    name: str
    shape: str
    kernel: Callable[[], Any]
    reference: Callable[[], Any]
    torch: Callable[[], Any] | None
    n_bytes: int = 0
    flops: float = 0.0
    is_product: bool = False


@dataclass
class Operation:
    """How to call one operation with equal arguments on all sides."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    peer: Callable[..., Any] | None  # of tensors, or None
    flops: float = 0.0  # of the forward pass, if it is made of matrix products


def normal(*shape: int) -> NDArray:
    """Random numbers, float32."""
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def operations() -> Iterator[Operation]:
    """The operations at the sizes of a small and of a middle-sized training step."""
    torch_rope = None  # PyTorch has none
    for n_rows, n_channels in ((768, 128), (16384, 384)):
        x, w = normal(n_rows, n_channels), normal(n_channels)
        hidden = normal(n_rows, 4 * n_channels)
        ids = np.random.default_rng(1).integers(0, 65, n_rows)
        shape = (n_channels,)

        def norm(x: Any, w: Any, b: Any, shape: Any = shape) -> Any:
            return F.layer_norm(x, shape, w, b)

        def rms(x: Any, w: Any, shape: Any = shape) -> Any:
            return F.rms_norm(x, shape, w, 1e-5)

        def swiglu(x: Any) -> Any:
            gate, up = x.chunk(2, dim=-1)
            return F.silu(gate) * up

        yield Operation("layer_norm", [x, w, w], {}, norm)
        yield Operation("rms_norm", [x, w], {}, rms)
        yield Operation("gelu", [hidden], {}, lambda x: F.gelu(x, approximate="tanh"))
        yield Operation("squared_relu", [hidden], {}, lambda x: F.relu(x).square())
        yield Operation("swiglu", [hidden], {}, swiglu)
        yield Operation("dropout", [x, 0.2, 12345], {}, lambda x, p, key: F.dropout(x, p))
        yield Operation("embedding", [ids, normal(65, n_channels)], {}, F.embedding)
        cos, sin = rope.tables(rope.frequencies(n_channels // 4), 64, dtype=np.float32)
        heads = normal(n_rows // 64, 4, 64, n_channels // 4)
        yield Operation("rope", [heads], {"cos": cos, "sin": sin}, torch_rope)
    for m, n, k in ((768, 384, 128), (16384, 1536, 384), (1024, 3072, 768)):
        args = [normal(m, k), normal(k, n), normal(n)]
        yield Operation("linear", args, {}, linear_peer, 2 * m * n * k)
    for n_rows, n_classes in ((768, 65), (16384, 65), (256, 50257)):
        labels = np.random.default_rng(2).integers(0, n_classes, n_rows)
        args = [normal(n_rows, n_classes), labels]
        yield Operation("softmax_cross_entropy", args, {}, F.cross_entropy if torch else None)
    for b, h, t, d in ((12, 4, 64, 32), (64, 6, 256, 64), (1, 12, 1024, 64)):
        fused = normal(b, t, 3 * h, d).transpose(0, 2, 1, 3)
        args = [fused[:, i * h : (i + 1) * h] for i in range(3)]
        flops = 4 * b * h * t * (t + 1) / 2 * d
        yield Operation("attention", args, {"causal": True}, attention_peer, flops)


def attention_peer(q: Any, k: Any, v: Any) -> Any:
    """PyTorch's fused attention."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def linear_peer(x: Any, weight: Any, bias: Any) -> Any:
    """PyTorch's linear layer, its weights as they lie here."""
    return F.linear(x, weight.T, bias)


# Additions, multiplications and divisions for each number of the largest argument, forward and
# backward, an exponential as the 12 of its polynomial. Dropout's are of whole numbers.
PER_NUMBER = {
    "layer_norm": (8, 14),
    "rms_norm": (5, 10),
    "gelu": (22, 34),
    "squared_relu": (2, 3),
    "swiglu": (10, 16),
    "dropout": (1, 1),
    "embedding": (0, 0),
    "rope": (3, 3),
    "softmax_cross_entropy": (15, 16),
    "adamw": (14, 0),
}
# A product's backward pass has two; attention's has four, and the scores again.
TIMES = {"linear": 2.0, "attention": 2.5}


def cases(operation: Operation) -> Iterator[Case]:
    """The forward and the backward pass of one operation."""
    name, args, kwargs = operation.name, operation.args, operation.kwargs
    kernel = importlib.import_module(f"minilm.kernels.{name}")
    reference = importlib.import_module(f"minilm.reference.{name}")
    y, saved = kernel.forward(*args, **kwargs)
    _, expected = reference.forward(*args, **kwargs)
    dy = normal(*y.shape) if np.ndim(y) else 1.0
    peer_forward, peer_backward = _peer(operation, dy)
    gradients = kernel.backward(dy, saved)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)

    arrays = [x for x in args if isinstance(x, np.ndarray)]
    size = max(args, key=np.size)
    shape = "x".join(map(str, size.shape))
    once = sum(x.nbytes for x in arrays)
    per_number = PER_NUMBER.get(name, (0, 0))
    costs = [operation.flops or per_number[0] * size.size]
    costs.append(TIMES[name] * operation.flops if operation.flops else per_number[1] * size.size)
    yield Case(
        f"{name}.forward",
        shape,
        lambda: kernel.forward(*args, **kwargs),
        lambda: reference.forward(*args, **kwargs),
        peer_forward,
        once + np.asarray(y).nbytes,
        costs[0],
        operation.flops > 0,
    )
    yield Case(
        f"{name}.backward",
        shape,
        lambda: kernel.backward(dy, saved),
        lambda: reference.backward(dy, expected),
        peer_backward,
        once + np.asarray(dy).nbytes + sum(x.nbytes for x in gradients),
        costs[1],
        operation.flops > 0,
    )


def _peer(operation: Operation, dy: Any) -> tuple[Callable[[], Any] | None, ...]:
    if torch is None or operation.peer is None:
        return None, None
    peer: Callable[..., Any] = operation.peer
    tensors = [torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in operation.args]
    floats = [x for x in tensors if torch.is_tensor(x) and x.is_floating_point()]
    for x in floats:
        x.requires_grad_()
    y = peer(*tensors)
    upstream = torch.as_tensor(dy, dtype=torch.float32)

    def forward() -> Any:
        with torch.no_grad():
            return peer(*tensors)

    return forward, lambda: torch.autograd.grad(y, floats, upstream, retain_graph=True)


def adamw() -> Case:
    """One optimiser step over ten million parameters."""
    kernel = importlib.import_module("minilm.kernels.adamw")
    reference = importlib.import_module("minilm.reference.adamw")
    n = 10_000_000
    state = [normal(n), normal(n), np.zeros(n, np.float32), np.zeros(n, np.float32)]
    options = {"learning_rate": 1e-9, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8}
    options |= {"weight_decay": 0.1, "n_decay": n, "step": 10}
    peer = None
    if torch is not None:
        parameter = torch.nn.Parameter(torch.from_numpy(normal(n)))
        parameter.grad = torch.from_numpy(state[1])
        optimizer = torch.optim.AdamW([parameter], 1e-9, (0.9, 0.95), fused=True)
        peer = optimizer.step
    return Case(
        "adamw.step",
        str(n),
        lambda: kernel.step(*state, **options),
        lambda: reference.step(*state, **options),
        peer,
        7 * 4 * n,
        PER_NUMBER["adamw"][0] * n,
    )


def measure(case: Case, seconds: float) -> dict[str, Any]:
    """The medians of all sides, in seconds, taken in turns; ratios are to the kernel."""
    sides = {"kernel": case.kernel, "reference": case.reference}
    if case.torch is not None:
        sides["torch"] = case.torch
    times: dict[str, list[float]] = {name: [] for name in sides}
    for run in sides.values():
        run()
    end = time.perf_counter() + seconds
    while len(times["kernel"]) < 3 or time.perf_counter() < end:
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    row: dict[str, Any] = {"pass": case.name, "shape": case.shape, "runs": len(times["kernel"])}
    row |= {f"{name}_seconds": value for name, value in medians.items()}
    row |= {
        f"{name}_ratio": value / medians["kernel"]
        for name, value in medians.items()
        if name != "kernel"
    }
    row["gflops"] = case.flops / medians["kernel"] / 1e9
    row["gigabytes_per_second"] = case.n_bytes / medians["kernel"] / 1e9
    row["is_product"] = case.is_product
    return row


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    text = f"{row['pass']:30} {row['shape']:>16} {1e6 * row['kernel_seconds']:>11.0f}"
    for side in ("reference", "torch"):
        seconds, ratio = row.get(f"{side}_seconds"), row.get(f"{side}_ratio")
        text += f" {1e6 * seconds:>11.0f} {ratio:>6.1f}x" if seconds else f" {'-':>11} {'':>7}"
    rate = ("gflops", "GFLOP/s") if row["is_product"] else ("gigabytes_per_second", "GB/s")
    return f"{text} {row[rate[0]]:>8.1f} {rate[1]}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("names", nargs="*", help="operations to measure (all)")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each pass (0.5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()

    machine = {
        "cpu": platform.processor() or platform.machine(),
        "threads": numba.get_num_threads(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "torch": torch.__version__ if torch else None,
        "twins": list(backend.TWINS),
    }
    rows = []
    if not options.json:
        print(*(f"{name}: {value}" for name, value in machine.items()), sep="\n")
        head = f"{'pass':30} {'shape':>16} {'kernel us':>11} {'reference':>19} {'PyTorch':>19}"
        print(f"\n{head}")
    for operation in operations():
        if not options.names or operation.name in options.names:
            for case in cases(operation):
                rows.append(measure(case, options.seconds))
                print(line(rows[-1]), flush=True) if not options.json else None
    if not options.names or "adamw" in options.names:
        rows.append(measure(adamw(), options.seconds))
        print(line(rows[-1])) if not options.json else None
    if options.json:
        print(json.dumps({"machine": machine, "rows": rows}))


if __name__ == "__main__":
    main()
