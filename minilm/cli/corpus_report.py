"""A corpus report on the terminal: the funnel, the rules, the sources, the time."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from minilm.cli.formatting import count, duration, memory, printable, rate, share
from minilm.corpus.building.page import PAGE, SHORTEST

__all__ = ["print_report"]

RULES = 12  # the busiest
NAME_WIDTH = 15  # kept on narrow terminals, where figures give way
NARROW = 70  # columns of a terminal, below which the mixture is told in short


def print_report(report: dict[str, Any], folder: str, stream: TextIO | None = None) -> None:
    """Write the report (keys as in `minilm.corpus.building.reporting`) for a person to read."""
    console = Console(file=stream or sys.stdout, highlight=False, emoji=False)
    splits = report["splits"]
    name = printable(report["name"]) or "corpus"
    console.print()
    console.print(
        Text(
            f"{name}: {count(splits['train']['tokens'])} tokens to train on, "
            f"{count(splits['val']['tokens'])} held out",
            "bold",
        )
    )
    for table in (
        _funnel(report),
        _rules(report),
        _sources(report, short=console.width < NARROW),
        _stages(report),
    ):
        if table.row_count:
            console.print()
            console.print(table)
    for kind, n in report["errors"]["counts"].items():
        console.print(Text(f"\nnot read ({kind}): {n:,}", "yellow"))
        for message in report["errors"]["examples"][kind]:
            console.print(Text(f"  {printable(message)}"), soft_wrap=True)
    console.print()
    workers = "1 worker" if report["workers"] == 1 else f"{report['workers']} workers"
    console.print(
        Text(
            f"{duration(report['seconds'])} with {workers}, {memory(report['memory'])} at most "
            "in one process"
        )
    )
    if (Path(folder) / PAGE).exists():
        console.print(Text(f"page  {printable(str(Path(folder) / PAGE))}"), soft_wrap=True)
    console.print(Text(f"next  minilm pretrain --data {shlex.quote(folder)}"), soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    """A table whose first column is text and whose others are figures."""
    table = Table(title=Text(title, "dim"), title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column(Text(columns[0], "dim"), min_width=NAME_WIDTH, overflow="fold")
    for name in columns[1:]:
        table.add_column(Text(name, "dim"), justify="right", no_wrap=True)
    return table


def _row(table: Table, name: str, *values: str) -> None:
    table.add_row(Text(printable(name)), *map(Text, values))


def _funnel(report: dict[str, Any]) -> Table:
    table = _table("what is left after each step", "step", "documents", "text", "")
    most = max(1, report["funnel"][0]["bytes"])
    for row in report["funnel"]:
        figures = (f"{row['documents']:,}", memory(row["bytes"]), share(row["bytes"] / most))
        _row(table, row["step"], *figures)
    return table


def _rules(report: dict[str, Any]) -> Table:
    table = _table("rejected by", "rule", "documents", "text")
    rules = sorted(report["rules"], key=lambda rule: -rule["documents"])
    for rule in rules[:RULES]:
        _row(table, rule["rule"], f"{rule['documents']:,}", memory(rule["bytes"]))
    if len(rules) > RULES:
        _row(table, f"and {len(rules) - RULES} more rules")
    return table


def _sources(report: dict[str, Any], *, short: bool) -> Table:
    columns = ["source", "read", "left", "asked", "delivered", "documents", "tokens"]
    if short:
        del columns[1:4]
    table = _table("mixture", *columns)
    for source in report["sources"]:
        sides = (source["train"], source["val"])
        figures = [
            memory(source["read"]["bytes"]),
            memory(source["left"]["bytes"]),
            memory(source["asked_bytes"]),
            memory(sum(side["bytes"] for side in sides)),
            f"{sum(side['documents'] for side in sides):,}",
            count(sum(side["tokens"] for side in sides)),
        ]
        _row(table, source["name"], *figures[3 * short :])
    return table


def _stages(report: dict[str, Any]) -> Table:
    table = _table("time, added up over workers", "stage", "seconds", "documents", "text")
    for stage in report["stages"]:
        seconds = stage["seconds"]
        figures = ("-", "-")
        if seconds >= SHORTEST:
            speed = memory(stage["bytes"] / seconds)
            figures = (rate(stage["documents"] / seconds, "documents"), f"{speed}/s")
        _row(table, stage["stage"], f"{seconds:.2f}", *figures)
    return table
