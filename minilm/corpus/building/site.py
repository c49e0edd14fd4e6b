"""Where a build takes place, and how a stage is opened and carried out there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from minilm.corpus.building import executors
from minilm.corpus.building.settings import BuildConfig
from minilm.corpus.building.work import fingerprint, open_stage, output, pending, task_folder
from minilm.corpus.sources import Part

__all__ = ["Reporter", "Silent", "Site"]


class Reporter(Protocol):
    """Is told how a build gets on."""

    def stage(self, name: str, done: int, total: int) -> None:
        """So many of the tasks of a stage are done; 0 of them or more when it begins."""
        ...

    def note(self, text: str) -> None:
        """One line that a person should read."""
        ...


class Silent:
    """A reporter for those who do not watch."""

    def stage(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


@dataclass
class Site:
    """One build under way.

    Attributes
    ----------
    config : BuildConfig
    parts : sequence of Part
    out, work : path
        The folder of the corpus, and that of what is done so far.
    executor : Executor
    reporter : Reporter
    workers : int
    folders : dict
        Stage -> its folder, of those that were opened.
    tasks : dict
        Stage -> how many tasks it has.
    fingerprint : str
        Of all that the stages opened so far depend on.
    """

    config: BuildConfig
    parts: Sequence[Part]
    out: Path
    work: Path
    executor: Executor
    reporter: Reporter
    workers: int = 1
    folders: dict[str, Path] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)
    fingerprint: str = ""

    def open(self, name: str, settings: Any) -> Path:
        """The folder of a stage, without results of other settings, of it or any before it."""
        self.fingerprint = fingerprint(self.fingerprint, name, settings)
        folder, renewed = open_stage(self.work, name, self.fingerprint)
        if renewed:
            self.reporter.note(f"{name}: what it depends on has changed, so it is done again")
        self.folders[name] = folder
        return folder

    def spread(
        self, name: str, function: Callable[[Any], None], n_tasks: int, make: Callable[[int], Any]
    ) -> None:
        """Carry out those tasks of an opened stage that are not done, on all workers.

        Parameters
        ----------
        function : callable
            Carries out a task; it can be pickled.
        make : callable
            The task of a number.
        """
        self.tasks[name] = n_tasks
        left = pending(self.folders[name], n_tasks)
        done = n_tasks - len(left)
        self.reporter.stage(name, done, n_tasks)

        def count() -> None:
            nonlocal done
            done += 1
            self.reporter.stage(name, done, n_tasks)

        executors.run(self.executor, function, [make(number) for number in left], count)

    def alone(self, name: str, work: Callable[[Path], None]) -> Path:
        """Carry out an opened stage of a single task, here; returns where its results are."""
        self.tasks[name] = 1
        folder = self.folders[name]
        left = pending(folder, 1)
        self.reporter.stage(name, 1 - len(left), 1)
        if left:
            with output(folder, 0) as results:
                work(results)
            self.reporter.stage(name, 1, 1)
        return task_folder(folder, 0)
