"""A run on a terminal: a few lines that are redrawn in place, evaluations above them.

    training 412/1200 ━━━━━━━━━━━━━━╸───────────────────────────  34 %  1:12 left
    loss 1.8423   val 1.9123 nats, 1.0214 bits/byte   21.4 k tokens/s   62.1 GFLOP/s (71 %)

Fields are dropped, the least important first, until what is left fits the width.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from minilm.cli.bar import REFRESHES_PER_SECOND, bar_line, cut
from minilm.cli.formatting import count, duration, memory, printable, share
from minilm.cli.plain import GAP, evaluation_fields
from minilm.cli.progress import Record, Status, header

__all__ = ["Display", "lines"]


class Display:
    """A reporter that redraws; use it as a context manager, which restores the terminal."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self.console = Console(file=stream, highlight=False, markup=False, soft_wrap=False)
        self._status = Status(now)
        self._noted = 0  # kernels
        self._live = Live(
            self, console=self.console, refresh_per_second=REFRESHES_PER_SECOND, transient=True
        )

    def __enter__(self) -> Display:
        self._live.start()
        # A process that is killed cannot give the cursor back, so it is never taken away.
        self.console.show_cursor(True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def record(self, record: Record) -> None:
        """Remember it; the next refresh shows it. Milestones get a line that stays."""
        kind = record["kind"]
        if kind in ("phase", "start"):
            self._note_kernels()
        self._status.update(record)
        if kind == "start":
            for text in header(record):
                self.note(text)
        elif kind == "evaluation" and record.get("scope") != "whole":
            # On one line whatever the width, since these are a column to look down. That of
            # the whole split is left to the report, which follows at once.
            fields = [Text(field) for field in evaluation_fields(record, self._status.steps)]
            for line in _pack(fields, self.console.width, most=1):
                self.console.print(line)

    def note(self, text: str) -> None:
        """One line that stays, above those that are redrawn."""
        self.console.print(Text(printable(text)))

    def _note_kernels(self) -> None:
        n = self._status.kernels
        if n > self._noted:
            self._noted = n
            what = "kernel" if n == 1 else "kernels"
            self.note(f"compiled {n} {what}, which the next run finds on disk")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from lines(self._status, options.max_width, ascii_only=options.ascii_only)


def lines(status: Status, width: int, *, ascii_only: bool = False) -> list[Text]:
    """What stands at the foot of the terminal: at most three lines, none wider than `width`."""
    if not status.train or status.step >= status.steps:
        return [_waiting(status, width)]
    head = _bar_line(status, width, ascii_only)
    return [head, *_pack(_fields(status), width, most=2)]


def _waiting(status: Status, width: int) -> Text:
    """A phase without steps: its name, how long it has lasted, which kernel is done."""
    fields = [Text(status.phase, "bold"), Text(duration(status.phase_seconds()), "dim")]
    if status.phase.startswith("compiling") and status.kernels:
        fields.insert(1, Text(f"{status.kernels} done"))
        fields.append(Text(f"last: {status.kernel}"))
    return (_pack(fields, width, most=1) or [cut(status.phase, width)])[0]


def _bar_line(status: Status, width: int, ascii_only: bool) -> Text:
    """The phase, the step, the bar and the time left."""
    done = min(1.0, status.step / max(1, status.steps))
    steps = f"{status.step}/{status.steps}"
    labels = (f"{status.phase} {steps}", steps)
    return bar_line(labels, done, status.seconds_left(), width, ascii_only=ascii_only)


def _fields(status: Status) -> list[Text]:
    """The figures beside the bar, most important first."""
    fields = [Text.assemble("loss ", (f"{status.train['loss']:.4f}", "bold"))]
    if status.evaluation:
        loss, bpb = status.evaluation["val_loss"], status.evaluation.get("val_bpb")
        right = status.evaluation.get("val_accuracy")
        fields.append(Text.assemble("validation ", (f"{loss:.4f}", "bold")))
        fields += [] if bpb is None else [Text(f"{bpb:.3f} bits/byte")]
        fields += [] if right is None else [Text(f"{100 * right:.1f} % right")]
    fields.append(Text(f"{count(status.tokens_per_second)} tokens/s"))
    fields.append(Text(f"{status.gflops:.1f} GFLOP/s, {share(status.peak_share())} of peak"))
    fields.append(Text(memory(status.train["memory_bytes"])))
    return fields


def _pack(fields: list[Text], width: int, most: int) -> list[Text]:
    """The fields in order on at most `most` lines; one that fits nowhere is left out."""
    packed: list[Text] = []
    for field in fields:
        if packed and cell_len(packed[-1].plain) + len(GAP) + cell_len(field.plain) <= width:
            packed[-1].append(GAP).append_text(field)
        elif len(packed) < most and cell_len(field.plain) <= width:
            packed.append(Text(no_wrap=True).append_text(field))
    return packed
