"""The files that a source names: one file, all below a folder, or those that match a pattern."""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path

from minilm.corpus.sources.kinds import wanted
from minilm.errors import MinilmError

__all__ = ["GENERATED", "find"]

# Hold what tools wrote or installed. Folders with a leading dot are left out anyway.
GENERATED = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})


def find(path: str, format: str = "auto") -> list[tuple[str, str]]:
    """(name, path) of each file, sorted by name.

    The name is relative to the folder, or to what stands before the first ``*`` of a pattern,
    written with "/": it does not depend on where the corpus lies. Folders and patterns leave
    out hidden files and folders and those that tools generate (`GENERATED`). Links are
    followed, and each file is found once.

    Raises
    ------
    MinilmError
        If there is nothing at the path, nothing matches, or a folder cannot be read.
    """
    mode = _mode(path)
    if mode is None and any(character in path for character in "*?["):
        return _matching(path)
    if mode is None:
        where = path if os.path.isabs(path) else f"{path} in {os.getcwd()}"
        raise MinilmError(f"no file or folder {where}; check the path")
    if stat.S_ISREG(mode):
        return [(printable(Path(path).name), path)]
    if not stat.S_ISDIR(mode):
        raise MinilmError(f"{path} is a device, a pipe or a socket; copy its text to a file")
    found = _below(path, format)
    if not found:
        raise MinilmError(
            f"no file below the folder {path} is named like "
            f"{'a text' if format == 'auto' else format}; give another folder or format"
        )
    return found


def printable(name: str) -> str:
    """The name without lone surrogates, which Python makes of bytes that are no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def _below(root: str, format: str) -> list[tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    entered: set[str] = set()
    pending = [("", root)]
    while pending:
        prefix, directory = pending.pop()
        real = os.path.realpath(directory)
        if real in entered:
            continue
        entered.add(real)
        for name in _entries(directory):
            path = os.path.join(directory, name)
            if os.path.isdir(path):
                if name not in GENERATED:
                    pending.append((f"{prefix}{name}/", path))
            elif wanted(name, format) and os.path.isfile(path):
                entry = (printable(prefix + name), path)
                key = os.path.realpath(path)
                found[key] = min(entry, found.get(key, entry))
    return sorted(found.values())


def _entries(directory: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if not name.startswith("."))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read the folder {directory}: {reason}") from error


def _matching(pattern: str) -> list[tuple[str, str]]:
    fixed = pattern[: min(pattern.find(c) for c in "*?[" if c in pattern)]
    root = os.path.dirname(fixed)
    paths = [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]
    if not paths:
        raise MinilmError(f"no file matches {pattern}; check the pattern")
    names = [os.path.relpath(path, root or ".").replace(os.sep, "/") for path in paths]
    return sorted(zip(map(printable, names), paths, strict=True))


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read {path}: {reason}; check the path") from error
    except ValueError as error:  # a NUL character in the path
        raise MinilmError(f"{path} is no path: {error}; check it") from error
