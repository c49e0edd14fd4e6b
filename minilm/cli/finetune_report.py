"""The end of a fine-tuning: what it reached, beside what it is compared with."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from minilm.cli.formatting import count, duration, printable

__all__ = ["print_report"]

NAMES = {
    "pretrained": "pretrained",
    "random": "the same from random weights",
    "tfidf": "TF-IDF and logistic regression",
}
WIDEST = 15  # labels of a confusion matrix on the terminal; --json has them all
LONGEST = 16  # characters of a label


def print_report(report: dict[str, Any], stream: TextIO | None = None) -> None:
    """Write the report (keys as in `minilm.recipes.finetune_report`) for a person to read."""
    for line in _lines(report):
        print(printable(line), file=stream or sys.stdout)


def _lines(report: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield (
        f"{count(report['parameters'])} parameters, {len(report['labels'])} labels, "
        f"{report['n_train']} texts to learn from, {report['n_validation']} to choose when to "
        f"stop: step {report['best_step']} of {report['steps']}, {duration(report['seconds'])}"
    )
    yield ""
    yield from _table(report)
    yield ""
    if report["judged_on"] == "validation":
        yield "These texts have chosen when to stop, so the figures flatter; give --test FILE."
    if report["random"] is None:
        yield "Interrupted before the model from random weights had learned, so it is left out."
    if report["tfidf"] is None:
        yield "TF-IDF is left out: pip install 'minilm[baselines]'"
    yield from _confusion(report)
    yield f"run   {report['run']}"
    for command in report["next_commands"]:
        yield f"next  {command}"


def _table(report: dict[str, Any]) -> Iterator[str]:
    n = report["pretrained"]["n"]
    head = f"{n} {report['judged_on']} texts"
    yield f"{head:<32}{'accuracy':>9}  {'95 %':>13}{'F1':>8}  {'95 %':>13}  pretrained gains"
    for key, name in NAMES.items():
        scores = report[key]
        if scores is None:
            continue
        accuracy, f1 = (_figure(scores, key) for key in ("accuracy", "f1"))
        gain = ""
        if "gain" in scores:
            error = scores["gain_error"]
            wide = f" ± {100 * error:.1f}" if math.isfinite(error) else ""
            gain = f"{100 * scores['gain']:+.1f}{wide}"
        yield f"{name:<32}{accuracy}{f1}  {gain}".rstrip()


def _figure(scores: dict[str, Any], key: str) -> str:
    low, high = scores[f"{key}_interval"]
    width = 9 if key == "accuracy" else 8
    return f"{100 * scores[key]:{width - 2}.1f} %  {100 * low:5.1f} to {100 * high:4.1f}"


def _confusion(report: dict[str, Any]) -> Iterator[str]:
    """Rows: the label a text has; columns, by number: the one it was given."""
    labels, cells = report["labels"], report["pretrained"]["confusion"]
    if len(labels) > WIDEST:
        yield f"(the confusion matrix of {len(labels)} labels is in --json)"
        return
    short = [label if len(label) <= LONGEST else label[: LONGEST - 1] + "~" for label in labels]
    wide = max(len(label) for label in short)
    size = max(3, len(str(max(max(row) for row in cells))))
    yield "the label of a text (rows), and the one it was given (columns)"
    header = "".join(f"{i:>{size + 1}}" for i in range(1, len(labels) + 1))
    yield f"{'':>3} {'':<{wide}}{header}"
    for i, (label, row) in enumerate(zip(short, cells, strict=True), 1):
        figures = "".join(f"{cell or '.':>{size + 1}}" for cell in row)
        yield f"{i:>3} {label:<{wide}}{figures}"
    yield ""
