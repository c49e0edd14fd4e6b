"""A text file that is larger than a document may be, in documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from minilm.corpus.sources.config import SourceConfig
from minilm.corpus.sources.content import blocks
from minilm.corpus.sources.piece import Piece
from minilm.corpus.sources.problems import Mark, Report

__all__ = ["Section", "sections"]

_BLANK_LINES = (b"\n\n", b"\n\r\n")


class Section(NamedTuple):
    """Some of a file.

    Attributes
    ----------
    data : bytes
    name : str
        Of its document: the file's, with "#" and the first byte if there are others.
    byte, line : int
        Where it begins in the file, byte 0 and line 1 being the first.
    """

    data: bytes
    name: str
    byte: int
    line: int


def sections(piece: Piece, source: SourceConfig, report: Report) -> Iterator[Section]:
    """The content of a file, cut so that none is larger than `max_document_bytes`.

    A cut is behind a blank line if the last half of a section has one, else behind a line.
    A file of one section with a part missing is left out, as any document; of a larger one the
    sections before the fault stay. What has no line end, or an encoding in which a line feed
    is not one byte, cannot be cut.
    """
    most = source.max_document_bytes
    held = bytearray()
    name, byte, line = piece.name, 0, 1
    for block in blocks(piece, report):
        if block is Mark.LOST:
            return
        if block is Mark.DOUBTFUL:
            continue
        held += block
        while len(held) > most:
            end = _cut(held, most) if "\n".encode(source.encoding) == b"\n" else 0
            if not end:
                where = f"{piece.path}, line {line}" if byte else piece.path
                report("size", f"{where}: no line ends within max_document_bytes = {most}")
                return
            name = f"{piece.name}#{byte}"
            yield Section(bytes(held[:end]), name, byte, line)
            byte, line = byte + end, line + held.count(b"\n", 0, end)
            del held[:end]
    name = f"{piece.name}#{byte}" if byte else piece.name
    yield Section(bytes(held), name, byte, line)


def _cut(data: bytearray, most: int) -> int:
    """The size of the longest beginning of at most `most` bytes that may stand alone, or 0."""
    places = ((data.rfind(mark, most // 2, most), len(mark)) for mark in _BLANK_LINES)
    ends = [place + size for place, size in places if place >= 0]
    return max(ends) if ends else data.rfind(b"\n", 0, most) + 1
