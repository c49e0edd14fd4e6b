"""Texts to be embedded or searched, from a file: one a line, or JSON lines with "text"."""

from __future__ import annotations

import os
from pathlib import Path

from minilm.errors import MinilmError
from minilm.evaluation.json_lines import records

__all__ = ["read"]

JSON_LINES = (".jsonl", ".ndjson")


def read(path: str | os.PathLike[str]) -> list[str]:
    """The texts of a file, in order.

    In a file named ``.jsonl`` or ``.ndjson`` each line is an object with the field "text"; in
    any other each line is a text. Blank lines are none.

    Raises
    ------
    MinilmError
        Naming the file and the line at fault, if it cannot be read or holds no text.
    """
    path = Path(path)
    if path.suffix.lower() in JSON_LINES:
        texts = []
        for where, record in records(path):
            text = record.get("text")
            if not isinstance(text, str) or not text.strip():
                raise MinilmError(f'{where}: "text" is missing or holds no text')
            texts.append(text)
        return texts
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read {path}: {reason}; check the path") from error
    texts = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise MinilmError(
                f"{path}:{number}: not UTF-8 at byte {error.start + 1} of the line"
            ) from None
        if text:
            texts.append(text)
    if not texts:
        raise MinilmError(f"{path} has no text: write one a line")
    return texts
