"""The rounding errors of every operation beside PyTorch's, on the same float32 numbers.

    python -m benchmarks.precision [NAME ...] [--small] [--json | --markdown]

What is exact is the reference twin in float64 on the same inputs. An error is counted in
units in the last place (ulp) of float32, where ulp(e) = 2^(floor(log2 |e|) - 23) for an
exact e, and 2^-149 for what is below 2^-126. Four figures for each result:

    median, 99.9 %, max     of |result - e| / ulp(e), element by element
    scale                   the largest |result - e|, over ulp(largest |e| of the array)

Where terms cancel, e is far smaller than they are, and the first three grow without bound
for every way of computing it; the last does not.

--markdown writes the table into docs/precision.md.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minilm import backend

# isort: split
import numpy as np
from numpy.typing import NDArray

from minilm.reference import rope

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = None  # type: ignore[assignment]

FIGURES = ("median", "99.9 %", "max", "scale")
SIDES = {"kernels": "Kernel", "torch": "PyTorch", "reference": "Reference"}
PAGE = Path(__file__).parents[1] / "docs" / "precision.md"
TABLE = re.compile(r"(?<=<!-- precision -->\n\n).*?\n(?=\n)", re.DOTALL)


@dataclass
class Operation:
    """One call with float32 arguments, and the same in PyTorch."""

    module: str
    args: list[Any]
    peer: Callable[..., Any] | None  # of tensors
    variant: str = ""
    kwargs: dict[str, Any] = field(default_factory=dict)


def normal(*shape: int, mean: float = 0.0, std: float = 1.0) -> NDArray:
    """Random float32 numbers, the same for the same arguments."""
    x = np.random.default_rng(sum(shape)).standard_normal(shape)
    return (mean + std * x).astype(np.float32)


def operations(small: bool = False) -> Iterator[Operation]:
    """All operations, at the sizes of a training step or (`small`) of a quick test."""
    n, c, v, b, t = (512, 96, 1000, 8, 128) if small else (16384, 384, 50257, 1, 1024)
    x, gain, bias = normal(n, c, mean=0.1), normal(c, mean=1, std=0.1), normal(c, std=0.1)
    weight = normal(c, 4 * c, std=c**-0.5)
    yield Operation("linear", [x, weight, normal(4 * c)], lambda x, w, b: F.linear(x, w.t(), b))
    yield Operation("tanh", [x], lambda x: torch.tanh(x))
    yield Operation("squared_relu", [x], lambda x: F.relu(x).square())
    for form in ("tanh", "none"):
        yield Operation("gelu", [2 * x], _gelu(form), form, {"approximate": form})
    yield Operation("swiglu", [2 * x], _swiglu)
    ids = np.random.default_rng(1).integers(0, 65, n)
    yield Operation("embedding", [ids, normal(65, c)], lambda i, w: F.embedding(i, w))
    yield Operation("softmax", [3 * x], lambda x: F.softmax(x, -1))
    for n_rows, n_classes in ((n, 65), (n // 32, v)):
        labels = np.random.default_rng(2).integers(0, n_classes, n_rows)
        args = [normal(n_rows, n_classes, std=3), labels]
        yield Operation("softmax_cross_entropy", args, _cross_entropy, f"{n_classes} classes")
    yield Operation("layer_norm", [x, gain, bias], lambda x, w, b: F.layer_norm(x, (c,), w, b))
    yield Operation("rms_norm", [x, gain], lambda x, w: F.rms_norm(x, (c,), w, 1e-5))
    tables = rope.tables(rope.frequencies(64), t, dtype=np.float32)
    yield Operation("rope", [normal(2, 4, t, 64), *tables], _rope)
    yield Operation("dropout", [x, 0.1, 12345], None)
    q, k, v = (normal(b, 4, t + i, 64)[:, :, :t] for i in range(3))
    yield Operation("attention", [q, k, v], _attention(True), "causal", {"causal": True})
    yield Operation("attention", [q, k, v], _attention(False), "full")
    yield Operation("attention", [q[:, :, -1:], k, v], _attention(False), "one query")


def _gelu(form: str) -> Callable[..., Any]:
    return lambda x: F.gelu(x, approximate=form)


def _swiglu(x: Any) -> Any:
    gate, up = x.chunk(2, dim=-1)
    return F.silu(gate) * up


def _cross_entropy(logits: Any, labels: Any) -> Any:
    return F.cross_entropy(logits, labels, reduction="none")


def _rope(x: Any, cos: Any, sin: Any) -> Any:
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def _attention(causal: bool) -> Callable[..., Any]:
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal)


def results(operation: Operation, twin: str, dtype: type) -> dict[str, NDArray]:
    """y (for a loss nll, one for each row) and every gradient of one twin, by name."""
    module = importlib.import_module(f"minilm.{twin}.{operation.module}")
    args = [_cast(x, dtype) for x in operation.args]
    y, saved = module.forward(*args, **operation.kwargs)
    if np.ndim(y) == 0:
        found, dy = {"loss": np.asarray(y), "nll": saved.nll}, 1.0
    else:
        found, dy = {"y": y}, _cast(upstream(y.shape), dtype)
    gradients = module.backward(dy, saved)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    return found | dict(zip(_differentiable(operation), gradients, strict=True))


def peer_results(operation: Operation) -> dict[str, NDArray]:
    """The same from PyTorch."""
    assert operation.peer is not None
    tensors = [torch.from_numpy(x) for x in operation.args]
    names = _differentiable(operation)
    floats = [x.requires_grad_() for x in tensors if x.is_floating_point()][: len(names)]
    y = operation.peer(*tensors)
    if operation.module == "softmax_cross_entropy":
        found, y = {"nll": y}, y.mean()
        found, dy = {"loss": y, **found}, torch.ones(())
    else:
        found, dy = {"y": y}, torch.from_numpy(upstream(tuple(y.shape)))
    found |= dict(zip(names, torch.autograd.grad(y, floats, dy), strict=True))
    return {name: x.detach().numpy() for name, x in found.items()}


def upstream(shape: tuple[int, ...]) -> NDArray:
    """The gradient of y that all sides get."""
    return np.random.default_rng(9).standard_normal(shape).astype(np.float32)


def _cast(x: Any, dtype: type) -> Any:
    return x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


def _differentiable(operation: Operation) -> list[str]:
    """The names of the gradients that backward returns."""
    module = importlib.import_module(f"minilm.reference.{operation.module}")
    parameters = inspect.signature(module.forward).parameters
    names = [
        f"d{name}"
        for name, x in zip(parameters, operation.args, strict=False)
        if isinstance(x, np.ndarray) and x.dtype.kind == "f"
    ]
    return names[:1] if operation.module == "rope" else names  # its tables are constants


def adamw_results(side: str, n: int, n_steps: int, dtype: type = np.float32) -> dict[str, NDArray]:
    """The parameters and moments after some steps of AdamW."""
    options: dict[str, Any] = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.99}
    options |= {"eps": 1e-8, "weight_decay": 0.1, "n_decay": n}
    values = normal(n, std=0.02).astype(dtype)
    state = {"m": np.zeros(n, dtype), "v": np.zeros(n, dtype)}
    generator = np.random.default_rng(3)
    step = _adamw_step(side, values, state, options)
    for i in range(n_steps):
        gradients = generator.standard_normal(n, dtype=np.float32) * np.float32(0.01)
        step(gradients.astype(dtype), i + 1)
    return {"values": values, **state}


def _adamw_step(
    side: str, values: NDArray, state: dict[str, NDArray], options: dict[str, Any]
) -> Callable[[NDArray, int], None]:
    if side in backend.TWINS:
        module = importlib.import_module(f"minilm.{side}.adamw")
        return lambda gradients, i: module.step(values, gradients, **state, step=i, **options)

    parameter = torch.from_numpy(values)  # one memory: the steps change `values`
    names = {"learning_rate": "lr", "eps": "eps", "weight_decay": "weight_decay"}
    settings = {theirs: options[ours] for ours, theirs in names.items()} | {side: True}
    betas = options["beta1"], options["beta2"]
    optimizer = torch.optim.AdamW([parameter], betas=betas, **settings)

    def step(gradients: NDArray, i: int) -> None:
        parameter.grad = torch.from_numpy(gradients)
        optimizer.step()
        for ours, theirs in (("m", "exp_avg"), ("v", "exp_avg_sq")):
            state[ours][:] = optimizer.state[parameter][theirs].numpy()

    return step


def ulp(exact: NDArray) -> NDArray:
    """The unit in the last place of the float32 numbers around each exact one."""
    _, exponent = np.frexp(exact)  # |exact| = m 2^exponent, 1/2 <= m < 1
    exponent = np.where(exact == 0, -149, np.maximum(exponent - 24, -149))
    return np.ldexp(1.0, exponent)


def figures(result: NDArray, exact: NDArray) -> dict[str, float]:
    """The errors of one array; "typical" is the median in ulps of the array's scale."""
    error = np.abs(result.astype(np.float64) - exact).reshape(-1)
    elements = error / ulp(exact).reshape(-1)
    scale = ulp(np.abs(exact).max())
    middle, tail, largest = np.percentile(elements, [50, 99.9, 100])
    found = (middle, tail, largest, error.max() / scale)
    named = dict(zip(FIGURES, map(float, found), strict=True))
    return named | {"typical": float(np.median(error) / scale)}


def measure(names: list[str] | None = None, small: bool = False) -> Iterator[dict[str, Any]]:
    """One row for each result of each operation: the figures of every side."""
    for operation in operations(small):
        if names and operation.module not in names:
            continue
        exact = results(operation, "reference", np.float64)
        sides = {twin: results(operation, twin, np.float32) for twin in _twins(operation)}
        if torch is not None and operation.peer is not None:
            sides["torch"] = peer_results(operation)
        yield from _rows(operation.module, operation.variant, exact, sides)
    if names and "adamw" not in names:
        return
    for n_steps in (1, 100):
        n = 10_000 if small else 300_000
        exact = adamw_results("reference", n, n_steps, np.float64)
        ours = {twin: adamw_results(twin, n, n_steps) for twin in backend.TWINS}
        for peer in ("foreach", "fused") if torch is not None else ("",):
            sides = ours | ({"torch": adamw_results(peer, n, n_steps)} if peer else {})
            steps = f"{n_steps} step{'s' * (n_steps > 1)}, {peer}"
            yield from _rows("adamw", steps.rstrip(", "), exact, sides)


def _twins(operation: Operation) -> list[str]:
    path = Path(__file__).parents[1] / "minilm" / "kernels" / f"{operation.module}.py"
    return [*backend.TWINS] if path.exists() else ["reference"]


def _rows(
    name: str, variant: str, exact: dict[str, NDArray], sides: dict[str, dict[str, NDArray]]
) -> Iterator[dict[str, Any]]:
    label = f"{name}, {variant}" if variant else name
    for result, e in exact.items():
        found = {side: figures(arrays[result], e) for side, arrays in sides.items()}
        yield {"operation": label, "result": result, **found}


def number(value: float | None) -> str:
    """Two digits, without an exponent where that is short."""
    if value is None:
        return "-"
    if value >= 1e5:
        return re.sub(r"e\+0?", "e", f"{value:.0e}")
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def cells(row: dict[str, Any]) -> list[list[str]]:
    """The four figures of each side."""
    return [[number(row.get(side, {}).get(name)) for name in FIGURES] for side in SIDES]


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table of docs/precision.md."""
    lines = [["Operation", "Result", *SIDES.values()], ["---"] * 5]
    before = None
    for row in rows:
        figures = [" / ".join(side) if "-" not in side else "" for side in cells(row)]
        lines.append([row["operation"] if row["operation"] != before else "", row["result"]])
        lines[-1] += figures
        before = row["operation"]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("names", nargs="*", help="operations to measure (all)")
    parser.add_argument("--small", action="store_true", help="the sizes of the test")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--markdown", action="store_true", help="into docs/precision.md")
    options = parser.parse_args()
    if options.markdown:
        page = PAGE.read_text(encoding="utf-8")
        table = markdown(list(measure(options.names, options.small)))
        PAGE.write_text(TABLE.sub(lambda _: table, page), encoding="utf-8", newline="\n")
        return
    if not options.json:
        versions = f"NumPy {np.__version__}, PyTorch {torch.__version__ if torch else 'missing'}"
        print(f"{platform.machine()}, {versions}", " " * 42, sep="\n", end="")
        print("".join(f"{side:^32}" for side in SIDES.values()))
        print(" " * 42 + "".join(f"{name:>8}" for name in FIGURES * 3))
    for row in measure(options.names, options.small):
        if options.json:
            print(json.dumps(row), flush=True)
        else:
            label = f"{row['operation']}: {row['result']}"
            figures = "".join(f"{cell:>8}" for side in cells(row) for cell in side)
            print(f"{label:42}{figures}", flush=True)


if __name__ == "__main__":
    main()
