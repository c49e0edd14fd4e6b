"""Long texts in blocks that can be encoded one by one, with the ids of the whole.

A block ends where `bpe_pieces.safe_cut` says that no piece goes across, and not inside a
special token that is being looked for. What one block needs of memory does not depend on
how long the text is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from minilm.backend import ops
from minilm.errors import MinilmError
from minilm.tokenizers.bpe.code_points import classes
from minilm.tokenizers.bpe.special import Specials
from minilm.tokenizers.bpe.utf8 import checked

__all__ = ["blocks", "file_blocks"]

BLOCK = 1 << 22  # bytes
LONGEST = 1 << 24  # of text that cannot be cut; encoding it takes some 40 bytes for each


def blocks(
    stream: BinaryIO, where: str, *, specials: Specials | None = None, size: int = 0
) -> Iterator[bytes]:
    """The content of a stream in blocks of about `size` bytes (default `BLOCK`).

    Raises
    ------
    MinilmError
        If no cut is possible within `LONGEST` bytes, as in a file of one letter repeated.
    """
    size = size or BLOCK
    pending = b""
    while data := stream.read(size):
        pending += data
        cut = _cut(pending, specials)
        if cut:
            yield pending[:cut]
            pending = pending[cut:]
        elif len(pending) > max(LONGEST, size):
            raise MinilmError(
                f"{where} has {len(pending):,} bytes in which no word ends; divide it, "
                "or take a tokenizer of bytes"
            )
    if pending:
        yield pending


def _cut(data: bytes, specials: Specials | None) -> int:
    """Where the last block that is sure within the data ends, or 0."""
    # A special token may begin in the last bytes and go on in those to come.
    margin = specials.longest if specials else 0
    view = np.frombuffer(data, np.uint8)[: max(0, len(data) - margin)]
    cut = int(ops.bpe_pieces.safe_cut(view, classes()))
    return specials.cut_beside(data, cut) if specials and cut else cut


def file_blocks(
    path: str | os.PathLike[str],
    *,
    errors: str = "strict",
    specials: Specials | None = None,
    refuse: bool = False,
) -> Iterator[bytes]:
    """The text of a file, in blocks of UTF-8.

    Parameters
    ----------
    errors : "strict" or "replace"
    specials : Specials, optional
        No block ends inside one of these.
    refuse : bool
        They are not allowed in the text.

    Raises
    ------
    MinilmError
        If the file cannot be read, is not UTF-8 or has what it must not have; with the place.
    """
    offset, line = 0, 1
    try:
        with Path(path).open("rb") as stream:
            for data in blocks(stream, str(path), specials=specials):
                text = checked(data, str(path), errors, offset, line)
                if refuse and specials:
                    specials.refuse(text, str(path), line)
                yield text
                offset += len(data)
                line += data.count(b"\n")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read {path}: {reason}; check the path") from error
