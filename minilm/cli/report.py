"""The end of a run: what it reached, beside what counting words reaches, and what to do next."""

from __future__ import annotations

import math
import shutil
import sys
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from minilm.cli import curve
from minilm.cli.formatting import count, duration, memory, printable, rate, share
from minilm.cli.progress import Record

__all__ = ["print_report"]

INDENT = 2


def print_report(report: Record, losses: curve.Curve, stream: TextIO | None = None) -> None:
    """Write the report (keys as in `minilm.recipes.pretrain.Report`) for a person to read."""
    # Told the size, for else a terminal of the type "dumb" would have 80 columns.
    width, height = shutil.get_terminal_size()
    console = Console(
        file=stream or sys.stdout, width=width, height=height, highlight=False, emoji=False
    )
    console.print()
    _block(console, Text(_headline(report), "bold"))
    console.print()
    for label, value in _rows(report):
        _block(console, value, f"{'':{INDENT}}{label:13}")
    drawing = curve.draw(losses, console.width - INDENT, console.encoding)
    if drawing:
        _heading(console, "loss in nats per token: line training, dots validation")
        for line in drawing.split("\n"):
            console.print(Text(f"{'':{INDENT}}{line}"), soft_wrap=True)
    if report.get("sample"):
        _heading(console, "what it writes")
        _block(console, Text(printable(report["sample"], keep="\n\t").expandtabs(4)), " " * INDENT)
    console.print()
    # Paths and commands are to be copied: never broken over lines.
    console.print(Text(f"run   {report['run']}"), soft_wrap=True)
    for i, command in enumerate(report.get("next_commands") or ()):
        console.print(Text(f"{'next' if i == 0 else '':4}  {command}"), soft_wrap=True)


def _headline(report: Record) -> str:
    who = f"{report['recipe']}: {count(report['parameters'])} parameters"
    if report.get("interrupted"):
        return f"{who}, stopped after step {report['steps']} of {report['planned_steps']}"
    return f"{who}, {report['steps']} steps in {duration(report['seconds'])}"


def _rows(report: Record) -> list[tuple[str, Text]]:
    def known(key: str) -> bool:
        value: Any = report.get(key)
        return value is not None and math.isfinite(value)

    rows = []
    if known("val_loss"):
        rows.append(("validation", Text(_losses(report, "val_"))))
        if known("baseline_loss"):
            which = report["baseline"].removeprefix("n-gram of ")
            rows.append(("best n-gram", Text(f"{_losses(report, 'baseline_')} ({which})")))
            rows.append(("margin", _margin(report)))
    if known("tokens_per_second") and report["tokens_per_second"] > 0:
        speed = f"{rate(report['tokens_per_second'], 'tokens')}, {report['gflops']:.1f} GFLOP/s"
        of_peak = f"{share(report['peak_share'])} of this machine's matrix-multiply peak"
        rows.append(("speed", Text(f"{speed}, {of_peak}")))
    if known("peak_memory_bytes"):
        occupied = f"{memory(report['peak_memory_bytes'])} at most"
        predicted = f"{memory(report['predicted_memory_bytes'])} predicted"
        rows.append(("memory", Text(f"{occupied}, {predicted}")))
    if known("compile_seconds") and report["compile_seconds"] > 0.5:
        rows.append(("compiling", Text(f"{duration(report['compile_seconds'])}, this time only")))
    return rows


def _losses(report: Record, prefix: str) -> str:
    """A loss in nats, and in the measure that people know."""
    nats, bits = report[f"{prefix}loss"], report.get(f"{prefix}bpb")
    if bits is not None:
        return f"{nats:.4f} nats per token, {bits:.4f} bits per byte"
    right = report.get(f"{prefix}accuracy")
    if right is not None:
        return f"{nats:.4f} nats per masked token, {100 * right:.1f} % of them right"
    return f"{nats:.4f} nats per token"


def _margin(report: Record) -> Text:
    bits, right = report.get("baseline_bpb"), report.get("baseline_accuracy")
    if bits is not None:
        margin, unit, digits = bits - report["val_bpb"], "bits per byte", 4
    elif right is not None:
        margin, unit, digits = 100 * (report["val_accuracy"] - right), "points", 1
    else:
        margin, unit, digits = report["baseline_loss"] - report["val_loss"], "nats per token", 4
    if margin > 0:
        return Text(f"{margin:.{digits}f} {unit} better than the n-gram", "green")
    return Text(f"{-margin:.{digits}f} {unit} worse than the n-gram: train for longer", "yellow")


def _heading(console: Console, text: str) -> None:
    console.print()
    _block(console, Text(text, "dim"))


def _block(console: Console, text: Text, label: str = "") -> None:
    """The text beside its label, with lines broken to fit and no blanks at their ends."""
    for i, line in enumerate(text.wrap(console, max(10, console.width - len(label)))):
        line.rstrip()
        head = (label if i == 0 else " " * len(label), "dim")
        console.print(Text.assemble(head, line) if line.plain else Text(), soft_wrap=True)
