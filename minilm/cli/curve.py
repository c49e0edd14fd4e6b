"""The loss over the steps of a run, drawn in the terminal or into a picture."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any, NamedTuple

from minilm.errors import MinilmError

__all__ = ["Curve", "check_picture", "draw", "picture", "read"]

METRICS = "metrics.jsonl"
PICTURES = (".png", ".svg", ".pdf")
WIDEST = 100
NARROWEST = 30
HEIGHT = 14

Points = list[tuple[int, float]]

# What the drawing library makes its axes of, for terminals that have ASCII only.
_ASCII = str.maketrans("┌┐└┘─│┤├┬┴┼", "++++-|++++" + "+")


class Curve(NamedTuple):
    """Loss in nats per token, as (step, loss) in order of the steps."""

    train: Points
    validation: Points


def read(run: Path) -> Curve:
    """The losses that a run recorded, those of a resumed run only as they last were."""
    losses: dict[str, dict[int, float]] = {"train": {}, "evaluation": {}}
    for line in (run / METRICS).read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record: Any = json.loads(line)
            key = "loss" if record["kind"] == "train" else "val_loss"
            losses[record["kind"]][int(record["step"])] = float(record[key])
        except (ValueError, KeyError, TypeError):
            continue  # another kind of record, or a line that a crash cut short
    return Curve(sorted(losses["train"].items()), sorted(losses["evaluation"].items()))


def draw(curve: Curve, width: int, encoding: str = "utf-8") -> str:
    """The curve as lines of text no wider than `width`; empty when there is too little of either.

    Each column shows the mean of the training losses that fall on it, so that the noise of
    single batches does not hide the course.
    """
    width = min(width, WIDEST)
    if len(curve.train) < 2 or width < NARROWEST:
        return ""
    import plotext

    unicode = _can_encode("⣿●┼", encoding)
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, HEIGHT)
    train = _columns(_binned(curve.train, width))
    validation = _columns(curve.validation)
    figure.draw(figure.signal(*train, marker="braille" if unicode else ".").lines())
    if curve.validation:
        figure.draw(figure.signal(*validation, marker="●" if unicode else "o"))
    last = max(train[0] + validation[0])
    ticks = sorted({round(step) for step in _spread(0, last)})
    figure.ruler("x").lim(0, last)
    figure.ruler("x").ticks(ticks, [str(step) for step in ticks])
    losses = train[1] + validation[1]
    levels = _spread(min(losses), max(losses))
    figure.ruler("y").ticks(levels, [f"{level:.2f}" for level in levels])
    text: str = figure.build().string(colorless=True)
    figure.clear()
    if not unicode:
        text = text.translate(_ASCII)
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))


def _binned(points: Points, n: int) -> Points:
    """At most `n` points, each the mean of the losses of neighbouring steps."""
    size = max(1, -(-len(points) // n))
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [
        (group[len(group) // 2][0], sum(loss for _, loss in group) / len(group)) for group in groups
    ]


def _spread(low: float, high: float, n: int = 5) -> list[float]:
    """`n` evenly spaced marks."""
    return [low + (high - low) * i / (n - 1) for i in range(n)]


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def check_picture(path: Path) -> None:
    """Refuse, before an hour of training, a picture that could not be written after it.

    Raises
    ------
    MinilmError
        If matplotlib is not installed, the suffix is not one of `PICTURES`, or the
        folder does not exist.
    """
    if path.suffix.lower() not in PICTURES:
        raise MinilmError(f"--plot {path}: the name must end in {' or '.join(PICTURES)}")
    if not path.parent.is_dir():
        raise MinilmError(f"--plot {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise MinilmError(f"--plot {path}: this is a folder")
    if importlib.util.find_spec("matplotlib") is None:
        raise MinilmError("--plot needs matplotlib: pip install 'minilm[plot]'")


def picture(curve: Curve, path: Path, title: str) -> None:
    """Draw the curve into a picture file; raises OSError where it cannot be written."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot(*_columns(curve.train), color="tab:blue", alpha=0.25, linewidth=0.8)
    axes.plot(*_columns(_binned(curve.train, 100)), color="tab:blue", label="training")
    if curve.validation:
        axes.plot(*_columns(curve.validation), "o-", color="tab:orange", label="validation")
    axes.set(xlabel="step", ylabel="loss, nats per token", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


def _columns(points: Points) -> tuple[list[int], list[float]]:
    return [step for step, _ in points], [loss for _, loss in points]
