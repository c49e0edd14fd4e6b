"""``minilm corpus build``: a corpus recipe carried out, with its progress."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

from tyro.conf import Positional

from minilm.cli.formatting import printable, to_json
from minilm.cli.options import COUNT, described

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from minilm.corpus.building import Reporter

__all__ = ["Build", "Lines", "open_progress"]

SECONDS_BETWEEN_LINES = 5.0


@dataclass(frozen=True)
class Build:
    """Carry out a corpus recipe: read, clean, filter, deduplicate, mix, split, encode, pack.

    Stopped or killed, the same command goes on where it was, and ends in the same bytes.
    """

    recipe: Annotated[Positional[str], described("RECIPE")]
    """A .toml file that says what is read and what is done, or a name: python, python-docs."""
    out: Annotated[str, described("DIR")]
    """Folder for the shards: new, or of a build of this recipe that did not finish."""
    workers: Annotated[int | None, COUNT, described(hint="(default: one for each core)")] = None
    """Processes; the shards do not depend on it."""
    executor: Annotated[
        Literal["processes", "mpi"], described("{processes,mpi}", hint="(default: processes)")
    ] = "processes"
    """Processes of this machine, or the ranks of an MPI job (needs 'minilm[mpi]')."""
    keep_work: Annotated[bool, described()] = False
    """Keep DIR/work, so that a changed recipe repeats only the stages that it changes."""
    json: Annotated[bool, described()] = False
    """Print the report as one JSON object; all else goes to standard error."""
    quiet: Annotated[bool, described()] = False
    """Show no progress."""

    def run(self) -> int:
        """Build, then report."""
        from minilm.cli.corpus_report import print_report
        from minilm.corpus.building import build, load

        config = load(self.recipe)
        stream = sys.stderr if self.json else sys.stdout
        try:
            with open_progress(stream, quiet=self.quiet) as reporter:
                report = build(
                    config,
                    self.out,
                    workers=self.workers or 0,
                    executor=self.executor,
                    keep_work=self.keep_work,
                    reporter=reporter,
                )
        except KeyboardInterrupt:
            again = f"minilm corpus build {shlex.quote(self.recipe)} --out {shlex.quote(self.out)}"
            print(printable(f"stopped; to go on: {again}"), file=stream, flush=True)
            raise
        if not report:  # a worker of an MPI job: the first process reports
            return 0
        if self.json:
            print(to_json(report))
        else:
            print_report(report, self.out)
        return 0


class Lines:
    """Progress for pipes and logs: when a stage begins and ends, and every few seconds between."""

    def __init__(
        self, stream: TextIO, *, quiet: bool = False, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._quiet, self._now = stream, quiet, now
        self._stage = ""
        self._written = float("-inf")

    def stage(self, name: str, done: int, total: int) -> None:
        """Write a line if it is time for one."""
        begins, self._stage = name != self._stage, name
        due = self._now() - self._written >= SECONDS_BETWEEN_LINES
        if self._quiet or not (begins or done == total or due):
            return
        self._written = self._now()
        self.note(f"{name:10}  {done}/{total}")

    def note(self, text: str) -> None:
        """One line, at once."""
        print(printable(text), file=self._stream, flush=True)


class Bars:
    """Progress on a terminal: a bar for each stage, the last of which moves."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def stage(self, name: str, done: int, total: int) -> None:
        """Move the stage's bar."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done, total=total)
        if done == total:
            self._progress.stop_task(self._tasks[name])

    def note(self, text: str) -> None:
        """One line that stays, above the bars."""
        self._progress.console.print(printable(text), markup=False, highlight=False)


@contextmanager
def open_progress(stream: TextIO, *, quiet: bool = False) -> Iterator[Reporter]:
    """What suits the stream: bars on a terminal, lines elsewhere."""
    if quiet or not stream.isatty() or os.environ.get("TERM", "") in ("dumb", "unknown"):
        yield Lines(stream, quiet=quiet)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=stream), refresh_per_second=4) as progress:
        yield Bars(progress)
