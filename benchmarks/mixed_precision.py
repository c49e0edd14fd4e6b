"""What bfloat16 costs in accuracy: ``python -m benchmarks.mixed_precision [--recipe NAME]``.

Errors of outputs and gradients against float64, largest over the tensor's scale, of minilm in
float32 and bf16 and of PyTorch under bfloat16 autocast, for a linear map and for causal
attention with its projections; medians over seeds. With ``--recipe`` the recipe is trained
in both precisions, for three seeds, and the validation losses are compared.

Needs the extra ``minilm[oracle]``, and a processor with bfloat16.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import minilm  # isort: skip  (before NumPy: it arranges the threads)

import numpy as np
from numpy.typing import NDArray

from minilm import recipes
from minilm.backend import computing, ops
from minilm.recipes.pretrain import pretrain

N_SEEDS = 7
B, T, H, D = 2, 256, 4, 64
C = H * D


def _inputs(seed: int) -> dict[str, NDArray]:
    generator = np.random.default_rng(seed)
    shapes = {"x": (B, T, C), "dy": (B, T, C), "w_in": (C, 3 * C), "w_out": (C, C)}
    scales = {"w_in": C**-0.5, "w_out": C**-0.5}
    return {
        name: scales.get(name, 1.0) * generator.standard_normal(shape)
        for name, shape in shapes.items()
    }


def _ours(inputs: dict[str, NDArray], dtype: Any) -> dict[str, NDArray]:
    """Attention between two projections, forward and backward."""
    x, dy, w_in, w_out = (inputs[name].astype(dtype) for name in ("x", "dy", "w_in", "w_out"))
    qkv, s_in = ops.linear.forward(x, w_in)
    q, k, v = (part.transpose(0, 2, 1, 3) for part in _heads(qkv))
    mixed, s_attention = ops.attention.forward(q, k, v, causal=True)
    y, s_out = ops.linear.forward(_joined(mixed), w_out)
    dmixed, dw_out, _ = ops.linear.backward(dy, s_out)
    dmixed = dmixed.reshape(B, T, H, D).transpose(0, 2, 1, 3)
    parts = ops.attention.backward(dmixed, s_attention)
    dqkv = np.concatenate([_joined(part) for part in parts], axis=-1)
    dx, dw_in, _ = ops.linear.backward(dqkv, s_in)
    return {"y": y, "dx": dx, "dw_in": dw_in, "dw_out": dw_out}


def _heads(qkv: NDArray) -> list[NDArray]:
    return [part.reshape(B, T, H, D) for part in np.split(qkv, 3, axis=-1)]


def _joined(x: NDArray) -> NDArray:
    return np.ascontiguousarray(x.transpose(0, 2, 1, 3)).reshape(B, T, C)


def _theirs(inputs: dict[str, NDArray]) -> dict[str, NDArray]:
    import torch
    from torch.nn import functional

    names = ("x", "w_in", "w_out")
    x, w_in, w_out = leaves = [
        torch.tensor(inputs[name], dtype=torch.float32, requires_grad=True) for name in names
    ]
    with torch.autocast("cpu", torch.bfloat16):
        q, k, v = (part.view(B, T, H, D).transpose(1, 2) for part in (x @ w_in).split(C, -1))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = mixed.transpose(1, 2).reshape(B, T, C) @ w_out
    y.float().backward(torch.tensor(inputs["dy"], dtype=torch.float32))
    gradients = dict(zip(("dx", "dw_in", "dw_out"), (leaf.grad for leaf in leaves), strict=True))
    return {"y": y.detach().float().numpy()} | {n: g.numpy() for n, g in gradients.items()}


def errors() -> dict[str, dict[str, float]]:
    """Tensor -> side -> median error over the tensor's scale."""
    found: dict[str, dict[str, list[float]]] = {}
    for seed in range(N_SEEDS):
        inputs = _inputs(seed)
        with minilm.backend.using("reference"):
            exact = _ours(inputs, np.float64)
        sides = {"minilm float32": _ours(inputs, np.float32), "PyTorch autocast": _theirs(inputs)}
        with computing("bf16"):
            sides["minilm bf16"] = _ours(inputs, np.float32)
        for side, tensors in sides.items():
            for name, value in tensors.items():
                error = abs(value - exact[name]).max() / abs(exact[name]).max()
                found.setdefault(name, {}).setdefault(side, []).append(float(error))
    return {
        name: {side: statistics.median(values) for side, values in sides.items()}
        for name, sides in found.items()
    }


def losses(name: str, data: str | None, settings: list[str]) -> dict[str, list[float]]:
    """Precision -> the validation losses of three seeds, in nats per token."""
    found: dict[str, list[float]] = {"float32": [], "bf16": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in (1, 2, 3):
            for precision, values in found.items():
                given = [*settings, f"seed={seed}", f"training.precision={precision}"]
                if data:
                    given.append(f"data.source={data}")
                recipe = recipes.override(recipes.load(name), given)
                report = pretrain(recipe, out=Path(folder) / f"{precision}-{seed}")
                assert report.val_loss is not None
                values.append(report.val_loss)
    return found


def main() -> None:
    """Print two tables, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mixed_precision", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--recipe", help="train this one in both precisions")
    parser.add_argument("--data", help="its text")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {"errors": errors()}
    if options.recipe:
        result["losses"] = losses(options.recipe, options.data, options.set)
    if options.json:
        print(json.dumps(result))
        return
    sides = ("minilm float32", "minilm bf16", "PyTorch autocast")
    print("largest error over the tensor's scale, against float64")
    print(f"{'':8}" + "".join(f"{side:>18}" for side in sides))
    for name, row in result["errors"].items():
        print(f"{name:8}" + "".join(f"{row[side]:18.2e}" for side in sides))
    if options.recipe:
        print("\nvalidation loss, nats per token")
        for precision, values in result["losses"].items():
            mean = statistics.mean(values)
            print(f"{precision:8}{mean:9.4f}  " + " ".join(f"{value:.4f}" for value in values))


if __name__ == "__main__":
    main()
