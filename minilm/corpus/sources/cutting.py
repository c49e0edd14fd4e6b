"""A source cut into parts, each of which one worker reads.

The cuts depend on nothing but the files: not on the number of workers, nor on chance. So a
build gives the same shards however it is spread, and a part that was finished before the
machine went down need not be read again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from minilm.corpus import embedded
from minilm.corpus.sources import folder, kinds, parquet
from minilm.corpus.sources.config import SourceConfig
from minilm.corpus.sources.piece import Part, Piece

__all__ = ["PART_BYTES", "parts"]

PART_BYTES = 16 * 2**20


def parts(source: SourceConfig, part_bytes: int = PART_BYTES) -> list[Part]:
    """The parts of a source, in the order of its documents.

    Files come in the order of their names. JSON lines that are not compressed are cut every
    `part_bytes` and Parquet files between row groups; small files share a part.

    Raises
    ------
    MinilmError
        If there is nothing at the path, or a package that reads such files is missing.
    """
    grouped = _grouped(_pieces(source, part_bytes), part_bytes)
    return [Part(source, number, pieces) for number, pieces in enumerate(grouped)]


def _grouped(pieces: Iterable[Piece], part_bytes: int) -> Iterator[tuple[Piece, ...]]:
    group: list[Piece] = []
    size = 0
    for piece in pieces:
        if group and size + piece.n_bytes > part_bytes:
            yield tuple(group)
            group, size = [], 0
        group.append(piece)
        size += piece.n_bytes
    if group:
        yield tuple(group)


def _pieces(source: SourceConfig, part_bytes: int) -> Iterator[Piece]:
    if source.embedded == "python-docs":
        yield Piece("python-docs", "", "", 0)
        return
    if source.embedded:
        for name, path in embedded.python_files():
            yield Piece("python-code", path, name, _size(path))
        return
    for name, path in folder.find(source.path, source.format):
        kind = kinds.kind_of(name, source.format)
        kinds.require(kind, name)
        if kind == "parquet":
            for first, end in parquet.row_groups(path, part_bytes):
                yield Piece(kind, path, name, _size(path), first, end)
        elif kind == "jsonl" and not kinds.compression(name):
            yield from _ranges(path, name, part_bytes)
        else:
            yield Piece(kind, path, name, _size(path))


def _ranges(path: str, name: str, part_bytes: int) -> Iterator[Piece]:
    """Equal ranges of at most part_bytes, so that no part is left with a few lines."""
    size = _size(path)
    count = max(-(-size // part_bytes), 1)
    for i in range(count):
        yield Piece("jsonl", path, name, size, size * i // count, size * (i + 1) // count)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # gone since the folder was listed: whoever reads it says so
        return 0
