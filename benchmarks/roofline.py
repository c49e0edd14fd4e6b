"""Every kernel against the machine's two limits, as a picture.

    python -m benchmarks.roofline [--out docs/roofline.svg] [--seconds S] [--json]

A kernel that computes I operations for each byte it must move can do no more than
min(peak, I * bandwidth) of them a second (Williams, Waterman and Patterson, "Roofline: an
insightful visual performance model", 2009). Peak is that of one large float32 product,
bandwidth that of reading an array larger than the caches, both by all threads, measured
in the same run. Arrays that stay in a cache may lie above the slope. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from minilm import machine  # first: it sets up the threads of the libraries below

# isort: split
from benchmarks import kernels


def rows(seconds: float) -> list[dict[str, Any]]:
    """All kernels: intensity in operations per byte, rate in GFLOP/s, and share of the limit."""
    found = []
    peak, bandwidth = machine.sgemm_gflops(1.0), machine.read_gigabytes(1.0)
    cases = [case for operation in kernels.operations() for case in kernels.cases(operation)]
    for case in [*cases, kernels.adamw()]:
        if not case.flops:
            continue  # it only moves numbers
        case.torch = None
        row = kernels.measure(case, seconds)
        intensity = case.flops / case.n_bytes
        found.append(
            {
                "pass": case.name,
                "shape": case.shape,
                "is_product": case.is_product,
                "intensity": intensity,
                "gflops": row["gflops"],
                "of_limit": row["gflops"] / min(peak, intensity * bandwidth),
                "peak": peak,
                "bandwidth": bandwidth,
            }
        )
    return found


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """The picture: a mark for each pass and shape, a colour for each operation."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    matplotlib.rcParams["svg.hashsalt"] = "minilm"
    peak, bandwidth = found[0]["peak"], found[0]["bandwidth"]
    figure, axes = pyplot.subplots(figsize=(9, 6), layout="constrained")
    low, high = 0.1, 1000.0
    ridge = peak / bandwidth
    axes.plot([low, ridge, high], [low * bandwidth, peak, peak], color="black", linewidth=1.5)
    axes.text(high, peak * 1.08, f"{peak:.0f} GFLOP/s", ha="right")
    axes.text(low * 1.1, low * bandwidth * 1.9, f"{bandwidth:.0f} GB/s", rotation=33)
    names = list(dict.fromkeys(row["pass"].partition(".")[0] for row in found))
    colours = dict(zip(names, matplotlib.colormaps["tab20"].colors, strict=False))
    for row in found:
        name, _, which = row["pass"].partition(".")
        axes.scatter(row["intensity"], row["gflops"], color=colours[name], s=26, zorder=3,
                     marker="s" if which == "backward" else "o")  # fmt: skip
    signs = [
        Line2D([], [], linestyle="", marker="o", color=colours[name], label=name.replace("_", " "))
        for name in names
    ]
    passes = [
        Line2D([], [], linestyle="", marker=marker, color="grey", label=label)
        for marker, label in (("o", "forward"), ("s", "backward"))
    ]
    axes.legend(handles=[*signs, *passes], loc="lower right", fontsize=8, ncols=2)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(1, 2 * peak),
             xlabel="operations for each byte that must be moved",
             ylabel="GFLOP/s")  # fmt: skip
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roofline", description=__doc__)
    parser.add_argument("--out", type=Path, help="picture to write: .svg, .png or .pdf")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each pass (0.3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found = rows(options.seconds)
    if options.json:
        print(json.dumps({"rows": found}))
    else:
        print(f"peak {found[0]['peak']:.0f} GFLOP/s, memory {found[0]['bandwidth']:.0f} GB/s\n")
        print(f"{'pass':30} {'shape':>16} {'per byte':>9} {'GFLOP/s':>9} {'of limit':>9}")
        for row in found:
            print(
                f"{row['pass']:30} {row['shape']:>16} {row['intensity']:9.2f}"
                f" {row['gflops']:9.1f} {row['of_limit']:9.0%}"
            )
    if options.out:
        draw(found, options.out)


if __name__ == "__main__":
    main()
