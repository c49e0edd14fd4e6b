"""What a run has told so far, and the choice of how to show it.

A run reports by records (their kinds and keys: `minilm.training.reporter`). `Status` keeps
what is worth showing of them; `minilm.cli.display` draws it on a terminal and
`minilm.cli.plain` writes it as lines.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from minilm.cli.formatting import count, printable
from minilm.training.reporter import Reporter

__all__ = ["Record", "Reporter", "Silent", "Status", "header", "is_live", "open_reporter"]

Record = dict[str, Any]

# Of the latest step in the average rates: about the last ten steps count.
_WEIGHT = 0.1


class Silent:
    """Shows nothing but notes, which may explain a figure of the report."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def record(self, record: Record) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Written as it is."""
        print(printable(text), file=self.stream, flush=True)


class Status:
    """The latest record of each kind, and what follows from them.

    Attributes
    ----------
    start, train, evaluation : dict
        The latest record of that kind, empty before the first.
    phase : str
        What the run is doing.
    kernels : int
        Kernels compiled in this run; `kernel` is the latest of them.
    tokens_per_second, gflops : float
        Averaged over the last steps, each of which alone is too uneven to read.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.start: Record = {}
        self.train: Record = {}
        self.evaluation: Record = {}
        self.phase = "starting"
        self.kernel = ""
        self.kernels = 0
        self.tokens_per_second = self.gflops = float("nan")
        self._phase_began = now()
        self._first_train: tuple[float, int] | None = None
        self._last_train: tuple[float, int] = (0.0, 0)

    def update(self, record: Record) -> None:
        """Take in one record."""
        kind = record["kind"]
        if kind == "phase":
            self.phase = record["name"]
            self._phase_began = self._now()
        elif kind == "compile":
            self.kernel, self.kernels = record["kernel"], record["done"]
        elif kind == "start":
            self.start = record
        elif kind == "train":
            self._update_train(record)
        elif kind == "evaluation":
            self.evaluation = record

    def _update_train(self, record: Record) -> None:
        self.train = record
        self._last_train = (self._now(), record["step"])
        self._first_train = self._first_train or self._last_train
        self.tokens_per_second = _average(self.tokens_per_second, record["tokens_per_second"])
        self.gflops = _average(self.gflops, record["gflops"])

    @property
    def steps(self) -> int:
        """Steps of the whole run, 0 when they are not known yet.

        A run with a time budget may change its mind, and then says so with each step.
        """
        return int((self.start | self.train).get("steps", 0))

    @property
    def step(self) -> int:
        """Steps done."""
        return int({"step": self.start.get("first_step", 0), **self.train}["step"])

    def phase_seconds(self) -> float:
        """How long the present phase has lasted."""
        return self._now() - self._phase_began

    def seconds_left(self) -> float | None:
        """Until the last step, at the pace so far with its evaluations; None before one is known.

        The first step is left out, since it may wait for the compiler.
        """
        if self._first_train is None or self._last_train[1] <= self._first_train[1]:
            return None
        seconds = self._last_train[0] - self._first_train[0]
        pace = seconds / (self._last_train[1] - self._first_train[1])
        since = self._now() - self._last_train[0]
        return max(0.0, pace * (self.steps - self._last_train[1]) - since)

    def peak_share(self) -> float:
        """Arithmetic per second over this machine's measured matrix product; NaN if unknown."""
        peak = self.start.get("peak_gflops") or float("nan")
        return self.gflops / peak


def _average(before: float, now: float) -> float:
    """An exponential mean of the times that a step took, hence of the reciprocals of rates."""
    if math.isnan(before) or not now > 0:
        return now
    return 1 / ((1 - _WEIGHT) / before + _WEIGHT / now)


def header(start: Record) -> list[str]:
    """What is about to be trained, in lines that fit a narrow terminal."""
    lines = [
        f"{start['recipe']}: {count(start['parameters'])} parameters",
        f"{count(start['train_tokens'])} tokens of text, {count(start['val_tokens'])} held out",
        f"{start['steps']} steps of {start['tokens_per_step']} tokens",
        f"run {start['run']}",
    ]
    if start.get("first_step"):
        lines.append(f"resumed after step {start['first_step']}")
    return lines


def is_live(stream: TextIO) -> bool:
    """Whether lines on `stream` can be redrawn: it is a terminal, and one that can do so."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


@contextmanager
def open_reporter(stream: TextIO, *, quiet: bool = False) -> Iterator[Reporter]:
    """The reporter that suits `stream`: live on a terminal, lines elsewhere."""
    if quiet:
        yield Silent(stream)
    elif is_live(stream):
        from minilm.cli.display import Display

        with Display(stream) as display:
            yield display
    else:
        from minilm.cli.plain import Plain

        yield Plain(stream)
