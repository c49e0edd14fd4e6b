"""JSON from strangers: one object, every key once, numbers that are numbers.

Python's own reader takes the last of two equal keys, accepts NaN, guesses UTF-16 and runs out
of stack on deep nesting. Where another program reads the same file differently, a check made
by one does not hold for the other, so all of that is refused.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from minilm.errors import MinilmError

__all__ = ["LIMIT", "parse", "read"]

LIMIT = 100_000_000  # bytes; no index, config or safetensors header comes near it


def parse(data: bytes) -> dict[str, Any]:
    """The object that UTF-8 bytes describe.

    Raises
    ------
    ValueError
        Whose text says what is wrong, to stand after the name of the file.

    Examples
    --------
    >>> parse(b'{"n_layer": 2}')
    {'n_layer': 2}
    >>> parse(b'{"n_layer": 2, "n_layer": 3}')
    Traceback (most recent call last):
        ...
    ValueError: the key 'n_layer' stands in it twice
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise ValueError("not JSON of any use: it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:100]!r} stands in it twice")
        if any("\ud800" <= character <= "\udfff" for character in key):
            raise ValueError(f"the key {key[:100]!r} is not Unicode text")
        found[key] = value
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The object in a JSON file.

    Raises
    ------
    MinilmError
        If the file is missing, cannot be read, is too long, or is not one JSON object.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for a writer
            raise MinilmError(f"{path} is not a file; give one that holds a JSON object")
        with open(path, "rb") as file:
            data = file.read(LIMIT + 1)
    except FileNotFoundError:
        raise MinilmError(f"no file {path}; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MinilmError(f"cannot read {path}: {reason.lower()}") from None
    try:
        if len(data) > LIMIT:
            raise ValueError(f"longer than {LIMIT} bytes")
        return parse(data)
    except ValueError as error:
        raise MinilmError(f"{path} cannot be used: {error}; fetch or write it again") from None
