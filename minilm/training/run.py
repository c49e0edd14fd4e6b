"""A run is a folder: what was asked, what happened, and the checkpoints.

    config.toml        the recipe, fully resolved
    tokenizer.json     text <-> ids
    metrics.jsonl      one record a line (docs/runs.md has the schema)
    step-000400/       checkpoints (minilm.training.checkpoint)

One process at a time writes to it, which a lock ensures: the operating system frees it
when the process ends, however it ends.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from minilm.errors import MinilmError

__all__ = ["Run"]

CONFIG, METRICS, TOKENIZER, LOCK = "config.toml", "metrics.jsonl", "tokenizer.json", ".lock"
LEFTOVERS = {LOCK, TOKENIZER, f".{CONFIG}.tmp", f"{TOKENIZER}.partial"}


class Run:
    """An open run folder, locked until `close`.

    Use `create` for a new one and `open` for one that exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise MinilmError(
                f"{path} is in use by another process; wait for it, or choose another --out"
            ) from None
        except OSError as error:
            raise MinilmError(f"cannot lock {path}: {error.strerror or error}") from None

    @classmethod
    def create(cls, path: Path) -> Run:
        """Make the folder.

        Raises
        ------
        MinilmError
            If it holds a run already, is a file, or cannot be made.
        """
        # config.toml is written last: without it, what a killed process left may be reused.
        if (path / CONFIG).exists():
            raise MinilmError(
                f"{path} holds a run already; continue it with --resume {path}, "
                "or choose another --out"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(entry.name not in LEFTOVERS for entry in path.iterdir()):
                raise MinilmError(f"{path} is not empty; choose another --out")
        except OSError as error:
            raise MinilmError(f"cannot make {path}: {error.strerror}") from None
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open a run to write to it; raises MinilmError if it is none, or is in use."""
        cls.check(path)
        return cls(path)

    @staticmethod
    def check(path: Path) -> None:
        """Raise MinilmError unless `path` holds a run."""
        if not path.exists():
            raise MinilmError(f"no run at {path}: there is no such folder")
        if not (path / CONFIG).is_file():
            raise MinilmError(f"no run at {path}: it has no {CONFIG}")

    @staticmethod
    def fresh_name(parent: Path, stem: str) -> Path:
        """The first of stem-1, stem-2, ... under `parent` that is not taken."""
        number = 1
        while (parent / f"{stem}-{number}").exists():
            number += 1
        return parent / f"{stem}-{number}"

    def write(self, name: str, text: str) -> None:
        """Write one of the run's text files, whole or not at all."""
        partial = self.path / f".{name}.tmp"
        try:
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, self.path / name)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise MinilmError(f"cannot write {self.path / name}: {error.strerror}") from None

    def append(self, record: dict[str, Any]) -> None:
        """Add a line to ``metrics.jsonl``."""
        try:
            with open(self.path / METRICS, "a", encoding="utf-8") as file:
                file.write(json.dumps(record, allow_nan=False) + "\n")
        except OSError as error:
            raise MinilmError(
                f"cannot write {self.path / METRICS}: {error.strerror}; make room, then "
                f"continue with: minilm pretrain --resume {self.path}"
            ) from None

    def records(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``; one that a crash cut short is left out."""
        path = self.path / METRICS
        records = []
        if path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    records.append(json.loads(line))
                except ValueError:
                    continue
        return [record for record in records if isinstance(record, dict)]

    def rewind(self, step: int) -> None:
        """Drop what was recorded after `step`, before the run goes on from there."""
        kept = [
            record
            for record in self.records()
            if record.get("step", 0) <= step
            and record.get("kind") != "end"
            and record.get("scope") != "whole"
        ]
        self.write(METRICS, "".join(json.dumps(record) + "\n" for record in kept))

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
