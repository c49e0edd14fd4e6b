"""Draws the picture of shapes on each page of this folder.

python docs/operations/shapes.py        rewrites NAME.svg for every operation
"""

from __future__ import annotations

import math
from pathlib import Path

from drawing import Array, Marks, Operation, draw

__all__ = ["OPERATIONS"]

HERE = Path(__file__).parent


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _phi(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def _gelu_slope(x: float) -> float:
    return _phi(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _silu_slope(x: float) -> float:
    s = _sigmoid(x)
    return s + x * s * (1 - s)


def _rows(*places: int) -> Marks:
    """Rows of a box of eight."""
    return tuple((0, i / 8, 1, (i + 1) / 8) for i in places)


def _grid(text: str) -> Marks:
    """The cells of a box where the lines of a text have a #."""
    lines = text.split()
    down, across = len(lines), len(lines[0])
    return tuple(
        (j / across, i / down, (j + 1) / across, (i + 1) / down)
        for i, line in enumerate(lines)
        for j, cell in enumerate(line)
        if cell == "#"
    )


CAUSAL = _grid("##..... ###.... ####... #####.. ######. #######")

KEPT = _grid("##.###.# .###.##. ###.##.# #.######")
DECAYS = ((0, 0, 0.7, 1),)

OPERATIONS = {
    "linear": Operation(
        {"N": 120, "I": 64, "O": 96},
        inputs=[[Array("x", "N", "I")]],
        parameters=[Array("weight", "I", "O"), Array("bias", "", "O")],
        forward=["x @ weight + bias"],
        outputs=[[Array("y", "N", "O")]],
        kept="x, weight",
        backward=["dx = dy @ weight.T", "dweight = x.T @ dy", "dbias = sum_n dy"],
    ),
    "embedding": Operation(
        {"N": 112, "V": 128, "C": 84},
        inputs=[[Array("ids", "N", "", marks=_rows(1, 4), constant=True)]],
        parameters=[Array("weight", "V", "C", marks=_rows(5))],
        forward=["y[n] =", "  weight[ids[n]]"],
        outputs=[[Array("y", "N", "C", marks=_rows(1, 4))]],
        kept="ids",
        backward=["dweight[ids[n]]", "  += dy[n]"],
    ),
    "layer_norm": Operation(
        {"N": 120, "C": 90},
        inputs=[[Array("x", "N", "C")]],
        parameters=[Array("weight", "", "C"), Array("bias", "", "C")],
        forward=["x_hat =", "  (x - mean) * rstd", "y = x_hat * weight", "    + bias"],
        outputs=[[Array("y", "N", "C")]],
        kept="x, weight and",
        kept_arrays=[Array("mean", "N"), Array("rstd", "N")],
        backward=["g = dy * weight", "dx = rstd * (g", "- mean_c(g) - x_hat", "* mean_c(g*x_hat))"],
    ),
    "rms_norm": Operation(
        {"N": 120, "C": 90},
        inputs=[[Array("x", "N", "C")]],
        parameters=[Array("weight", "", "C")],
        forward=["x_hat = x * rstd", "y = x_hat * weight"],
        outputs=[[Array("y", "N", "C")]],
        kept="x, weight and",
        kept_arrays=[Array("rstd", "N")],
        backward=["g = dy * weight", "dx = rstd * (g", " - x_hat", " * mean_c(g*x_hat))"],
    ),
    "gelu": Operation(
        {"N": 84, "F": 108},
        inputs=[[Array("x", "N", "F")]],
        forward=["y = x * Phi(x)", lambda x: x * _phi(x)],
        outputs=[[Array("y", "N", "F")]],
        kept="x",
        backward=["dx = dy * slope(x)", _gelu_slope],
    ),
    "swiglu": Operation(
        {"N": 92, "2F": 116, "F": 58},
        inputs=[[Array("x", "N", "2F", cuts=(0.5,))]],
        forward=["[gate | up] = x", "y = silu(gate) * up", lambda x: x * _sigmoid(x)],
        outputs=[[Array("y", "N", "F")]],
        kept="x",
        backward=["dgate = dy * up", "   * slope(gate)", "dup = dy*silu(gate)", _silu_slope],
    ),
    "squared_relu": Operation(
        {"N": 84, "F": 108},
        inputs=[[Array("x", "N", "F")]],
        forward=["y = max(x, 0) ** 2", lambda x: max(x, 0) ** 2],
        outputs=[[Array("y", "N", "F")]],
        kept="x",
        backward=["dx = dy*2*max(x, 0)", lambda x: 2 * max(x, 0)],
    ),
    "tanh": Operation(
        {"N": 84, "C": 100},
        inputs=[[Array("x", "N", "C")]],
        forward=["y = tanh(x)", math.tanh],
        outputs=[[Array("y", "N", "C")]],
        kept="y",
        backward=["dx = dy * (1 - y*y)", lambda x: 1 - math.tanh(x) ** 2],
    ),
    "softmax": Operation(
        {"N": 84, "S": 108},
        inputs=[[Array("x", "N", "S")]],
        forward=["m = max_s(x)", "e = exp(x - m)", "y = e / sum_s(e)"],
        outputs=[[Array("y", "N", "S")]],
        kept="y",
        backward=["dx = y * (dy", "   - sum_s(dy * y))"],
    ),
    "softmax_cross_entropy": Operation(
        {"N": 84, "V": 100},
        inputs=[
            [Array("logits", "N", "V", marks=_grid("...#.... #....... ......#. ..#....."))],
            [Array("targets", "N", constant=True)],
        ],
        forward=["lse = log sum_v exp", "nll = lse", "  - logits[target]", "loss = sum_n c*nll"],
        outputs=[[Array("loss")]],
        kept="logits, targets and",
        kept_arrays=[Array("c", "N"), Array("lse", "N")],
        backward=["p = exp(logits-lse)", "dlogits = dloss * c", "  * (p - onehot)"],
    ),
    "attention": Operation(
        {"T": 72, "S": 84, "D": 44},
        inputs=[
            [Array("q", "T", "D", "BH")],
            [Array("k", "S", "D", "BK")],
            [Array("v", "S", "D", "BK")],
        ],
        forward=[
            "scale * q @ k.T,",
            "softmax over S",
            Array("p", "T", "S", "BH", marks=CAUSAL),
            "never whole: tiles",
            "y = p @ v",
        ],
        outputs=[[Array("y", "T", "D", "BH")]],
        kept="q, k, v, y and",
        kept_arrays=[Array("lse", "T", "", "BH")],
        backward=[
            "dv = p.T @ dy",
            "dp = dy @ v.T",
            "ds = p * (dp",
            "   - sum_d(dy * y))",
            Array("p, ds", "T", "S", "BH", marks=CAUSAL),
            "again in tiles",
            "dq = scale*ds @ k",
            "dk = scale*ds.T @ q",
        ],
    ),
    "rope": Operation(
        {"T": 84, "D": 80, "R/2": 30},
        inputs=[[Array("x", "T", "D", "BH", cuts=(3 / 8, 6 / 8))]],
        parameters=[
            Array("cos", "T", "R/2", constant=True),
            Array("sin", "T", "R/2", constant=True),
        ],
        forward=["[a | b | rest] = x", "y = [a*cos - b*sin", " | a*sin + b*cos", " | rest]"],
        outputs=[[Array("y", "T", "D", "BH", cuts=(3 / 8, 6 / 8))]],
        kept="cos, sin",
        backward=["the same,", "with -sin for sin"],
    ),
    "dropout": Operation(
        {"N": 84, "C": 108},
        inputs=[[Array("x", "N", "C", gradient_marks=KEPT)]],
        forward=["keep = word(key, i)", "   >= p * 2**32", "y = x*keep/(1-p)"],
        outputs=[[Array("y", "N", "C", marks=KEPT, gradient_marks=())]],
        kept="p, key; no mask",
        backward=["keep again from key", "dx = dy*keep/(1-p)"],
    ),
    "adamw": Operation(
        {"N": 116},
        inputs=[
            [Array("values", "", "N", marks=DECAYS)],
            [Array("gradients", "", "N", kind="b")],
            [Array("m", "", "N")],
            [Array("v", "", "N")],
        ],
        forward=[
            "g = gradients*scale",
            "values[:n_decay]",
            "   *= 1 - lr*decay",
            "m, v: moving means",
            "   of g, g*g",
            "values -= lr*m_hat",
            "/ (sqrt(v_hat)+eps)",
        ],
        outputs=[
            [Array("values", "", "N", marks=DECAYS)],
            [Array("m", "", "N")],
            [Array("v", "", "N")],
        ],
    ),
}


def main() -> None:
    """Write the pictures beside this file."""
    for name, operation in OPERATIONS.items():
        (HERE / f"{name}.svg").write_text(draw(name, operation), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
