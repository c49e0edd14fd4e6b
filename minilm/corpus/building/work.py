"""What a build has done so far, in a folder that a process killed at any moment leaves sound.

    work/
        filter/                  a stage
            stage.json           the fingerprint of all that its results depend on
            00000/               the results of a task: the folder is whole, or not there
            .00001.3f2a.tmp/     a task that was under way

A task writes into a temporary folder, flushes it, and renames it. So a task is done if and
only if its folder is there, and a second process that did the same work by mistake changes
nothing: whoever is later finds the folder taken, by the same bytes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minilm import machine
from minilm.corpus.shards.files import cannot_write, flush_folder, whole
from minilm.errors import MinilmError

__all__ = ["COST", "STAMP", "cost", "fingerprint", "open_stage", "output", "pending", "task_folder"]

STAMP, COST = "stage.json", "cost.json"


def fingerprint(*parts: Any) -> str:
    """A digest of values in JSON's types, equal only if they are.

    Examples
    --------
    >>> fingerprint({"a": 1}) == fingerprint({"a": 1}) != fingerprint({"a": 2})
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def open_stage(work: Path, name: str, print_: str) -> tuple[Path, bool]:
    """The folder of a stage, and whether results of another fingerprint had to go.

    Raises
    ------
    MinilmError
        If the disk refuses.
    """
    folder = work / name
    known = _stamp(folder)
    if known == print_:
        _sweep(folder)
        return folder, False
    try:
        # Renamed first: a deletion that is cut short must not leave a part of the stage.
        if folder.exists():
            old = work / f".{name}.{uuid.uuid4().hex}.old"
            os.rename(folder, old)
            shutil.rmtree(old, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    with whole(folder / STAMP) as file:
        file.write(json.dumps({"fingerprint": print_}).encode())
    return folder, known is not None


def _stamp(folder: Path) -> str | None:
    try:
        found = json.loads((folder / STAMP).read_bytes())["fingerprint"]
        return found if isinstance(found, str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sweep(folder: Path) -> None:
    """Remove what tasks under way left behind."""
    for path in folder.glob(".*.tmp"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def task_folder(stage: Path, number: int) -> Path:
    """Where the results of a task are, or will be."""
    return stage / f"{number:05d}"


def pending(stage: Path, n_tasks: int) -> list[int]:
    """The tasks that are not done."""
    return [number for number in range(n_tasks) if not task_folder(stage, number).is_dir()]


@contextlib.contextmanager
def output(stage: Path, number: int) -> Iterator[Path]:
    """A folder to write a task's results to; they count when the block ends well.

    Beside them goes what the task cost: its seconds, those that the processor worked, and the
    peak memory of its process.

    Raises
    ------
    MinilmError
        If the disk refuses, as when it is full.
    """
    final = task_folder(stage, number)
    partial = stage / f".{final.name}.{uuid.uuid4().hex}.tmp"
    try:
        try:
            started, worked = time.perf_counter(), time.process_time()
            partial.mkdir()
            yield partial
            spent = {
                "seconds": time.perf_counter() - started,
                "cpu_seconds": time.process_time() - worked,
                "memory": machine.peak_bytes(),
            }
            (partial / COST).write_text(json.dumps(spent), encoding="utf-8")
            for path in partial.iterdir():
                _flush(path)
            flush_folder(partial)
            _take(partial, final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        flush_folder(stage)
    except OSError as error:
        raise _explained(final, error) from error


def cost(stage: Path, n_tasks: int) -> dict[str, float]:
    """Of all tasks of a stage: "seconds" and "cpu_seconds" in all, "memory" at most, in bytes."""
    total = {"seconds": 0.0, "cpu_seconds": 0.0, "memory": 0}
    for number in range(n_tasks):
        spent = json.loads((task_folder(stage, number) / COST).read_bytes())
        total["seconds"] += spent["seconds"]
        total["cpu_seconds"] += spent["cpu_seconds"]
        total["memory"] = max(total["memory"], spent["memory"])
    return total


def _explained(path: Path, error: OSError) -> MinilmError:
    """The disk's refusal in one line; what was done stays done."""
    reason = (error.strerror or type(error).__name__).lower()
    return MinilmError(
        f"cannot write {path}: {reason}; make room on the disk, then run the same command "
        "again: it goes on from here"
    )


def _take(partial: Path, final: Path) -> None:
    try:
        os.rename(partial, final)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) and not final.is_dir():
            raise
        shutil.rmtree(partial, ignore_errors=True)


def _flush(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
