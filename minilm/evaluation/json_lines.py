"""JSON lines that a person wrote: one object a line, errors by file and line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minilm.errors import MinilmError

__all__ = ["records"]


def records(path: str | os.PathLike[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(``FILE:LINE``, object) of each line that is not blank.

    Raises
    ------
    MinilmError
        If the file cannot be read, a line is not UTF-8, not JSON, not an object, or there is
        no line.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read {path}: {reason}; check the path") from error
    empty = True
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            empty = False
            where = f"{path}:{number}"
            yield where, _object(line, where)
    if empty:
        raise MinilmError(f"{path} is empty; give one JSON object a line")


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
        found = json.loads(text)
    except UnicodeDecodeError as error:
        raise MinilmError(f"{where}: not UTF-8 at byte {error.start + 1} of the line") from None
    except json.JSONDecodeError as error:
        raise MinilmError(f"{where}: not JSON: {error.msg} at column {error.pos + 1}") from None
    except (ValueError, RecursionError) as error:
        raise MinilmError(f"{where}: not JSON of any use: {error}") from None
    if not isinstance(found, dict):
        raise MinilmError(f"{where}: not a JSON object, which is written {{...}}")
    return found
