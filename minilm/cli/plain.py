"""A run as lines of text, for pipes, logs and terminals that cannot redraw."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TextIO

from minilm.cli.formatting import clock, duration, memory, printable, rate, share
from minilm.cli.progress import Record, Status, header

__all__ = ["GAP", "Plain", "evaluation_fields"]

# Between two lines about training: a log of a few minutes then stays readable at a glance.
SECONDS_BETWEEN_LINES = 5.0
GAP = "   "


def evaluation_fields(record: Record, steps: int = 0) -> list[str]:
    """An evaluation in words, most important first; `steps` in all, so that columns align.

    Examples
    --------
    >>> evaluation_fields({"step": 40, "scope": "whole", "val_loss": 1.5, "val_bpb": 2.164}, 1000)
    ['step   40', 'validation 1.5000 nats/token', '2.1640 bits/byte', 'whole split']
    """
    fields = [
        f"step {record['step']:{len(str(steps))}}",
        f"validation {record['val_loss']:.4f} nats/{'text' if 'val_f1' in record else 'token'}",
    ]
    if record.get("val_bpb") is not None:
        fields.append(f"{record['val_bpb']:.4f} bits/byte")
    if record.get("val_accuracy") is not None:
        fields.append(f"{100 * record['val_accuracy']:.1f} % right")
    return [*fields, "whole split"] if record.get("scope") == "whole" else fields


class Plain:
    """A reporter that writes lines: each phase, compiled kernel and evaluation, and a line
    about training at most every `SECONDS_BETWEEN_LINES`."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self.stream = stream
        self._now = now
        self._status = Status(now)
        self._written = float("-inf")

    def record(self, record: Record) -> None:
        """Write what this record adds, if anything."""
        self._status.update(record)
        kind = record["kind"]
        if kind == "phase":
            self.note(record["name"])
        elif kind == "compile":
            self.note(f"  {record['done']:2d}. {record['kernel']} ({duration(record['seconds'])})")
        elif kind == "start":
            for line in header(record):
                self.note(line)
        elif kind == "train":
            self._train()
        elif kind == "evaluation":
            self.note(GAP.join(evaluation_fields(record, self._status.steps)))

    def note(self, text: str) -> None:
        """One line, at once: a log is often read while the run goes on."""
        # A signal's handler may call this while a line is being written, which Python refuses.
        with contextlib.suppress(RuntimeError):
            print(printable(text), file=self.stream, flush=True)

    def _train(self) -> None:
        status, record = self._status, self._status.train
        last = record["step"] == status.steps
        if not last and self._now() - self._written < SECONDS_BETWEEN_LINES:
            return
        self._written = self._now()
        left = status.seconds_left()
        fields = [
            f"step {record['step']:{len(str(status.steps))}}/{status.steps}",
            f"loss {record['loss']:.4f}",
            rate(status.tokens_per_second, "tokens"),
            f"{status.gflops:.1f} GFLOP/s ({share(status.peak_share())} of peak)",
            memory(record["memory_bytes"]),
        ]
        if left is not None and not last:
            fields.append(f"{clock(left)} left")
        self.note(GAP.join(fields))
