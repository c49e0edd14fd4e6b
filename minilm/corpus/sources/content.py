"""The bytes of a file, whatever happens to it while it is read; and their text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from minilm.corpus.sources import kinds, members
from minilm.corpus.sources.config import SourceConfig
from minilm.corpus.sources.piece import Piece
from minilm.corpus.sources.problems import Mark, Report

__all__ = ["BLOCK", "blocks", "decode", "repair", "whole"]

BLOCK = 2**20
_SURROGATE = re.compile("[\ud800-\udfff]")


def blocks(piece: Piece, report: Report, start: int = 0) -> Iterator[bytes | Mark]:
    """The content of a file in blocks from byte `start`, decompressed, and what is wrong with it.

    A file that grew is read to its new end, one that shrank or vanished is reported.
    """
    path = piece.path
    try:
        with open(path, "rb") as file:
            compression = kinds.compression(path)
            if compression:
                codec = members.codec(compression)
                yield from members.decompressed(file, piece.size, path, codec, report)
            else:
                yield from _plain(file, start, piece, report)
    except FileNotFoundError:
        report("changed", f"{path} vanished after it was listed")
        yield Mark.LOST
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        report("unreadable", f"cannot read {path}: {reason}")
        yield Mark.LOST


def _plain(file: BinaryIO, start: int, piece: Piece, report: Report) -> Iterator[bytes | Mark]:
    file.seek(start)
    at = start
    while block := file.read(BLOCK):
        at += len(block)
        yield block
    if at < piece.size:
        at = min(at, file.seek(0, 2))
        report("changed", f"{piece.path} has {at} bytes, but had {piece.size} when it was listed")
        yield Mark.LOST


def whole(piece: Piece, source: SourceConfig, report: Report) -> bytes | None:
    """All of a file that is one document; None, and reported, if it cannot be had or is
    larger than a document may be."""
    found = []
    length = 0
    for block in blocks(piece, report):
        if isinstance(block, Mark):
            return None
        length += len(block)
        if length > source.max_document_bytes:
            report("size", too_large(piece.path, source))
            return None
        found.append(block)
    return b"".join(found)


def too_large(where: str, source: SourceConfig) -> str:
    """The message for a document above the limit."""
    return f"{where} is larger than max_document_bytes = {source.max_document_bytes}"


def decode(
    data: bytes,
    where: str,
    encoding: str,
    on_error: str,
    report: Report,
    byte: int = 0,
    line: int = 1,
) -> str | None:
    r"""The text of a file's bytes, without a byte-order mark; None, and reported, if dropped.

    Text has no NUL: files with it are data of another kind, or UTF-16. With "replace" it is
    replaced like bytes that the encoding does not have. The bytes begin in the file at `byte`
    and in `line`.

    Examples
    --------
    >>> decode(b"caf\xe9\0", "a.txt", "utf-8", "replace", lambda kind, message: print(message))
    a.txt, line 1: byte 0xe9 at byte 3 is no utf-8 (invalid continuation byte)
    'caf��'
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") and encoding.lower() in ("utf-8", "utf8", "ascii"):
        report("encoding", f'{where} is UTF-16; say so in its source: encoding = "utf-16"')
        return None
    try:
        text = data.decode(encoding)
    except UnicodeError as error:
        report("encoding", _undecodable(data, where, encoding, error, byte, line))
        if on_error != "replace":
            return None
        text = data.decode(encoding, "replace").replace("\0", "\ufffd")
    nul = text.find("\0")
    if nul >= 0:
        place = f"{where}, line {line + text.count(chr(10), 0, nul)}"
        report("encoding", f"{place}: NUL at character {nul}: not a text file")
        if on_error != "replace":
            return None
        text = text.replace("\0", "\ufffd")
    return text if byte else text.removeprefix("\ufeff")


def _undecodable(
    data: bytes, where: str, encoding: str, error: UnicodeError, byte: int, line: int
) -> str:
    if not isinstance(error, UnicodeDecodeError):
        return f"{where} is no {encoding} ({error})"
    line += data.count(b"\n", 0, error.start)
    wrong = f"byte 0x{data[error.start]:02x} at byte {byte + error.start}"
    return f"{where}, line {line}: {wrong} is no {encoding} ({error.reason})"


def repair(text: str) -> str:
    r"""U+FFFD for halves of surrogate pairs, which are no characters; most texts have none.

    Examples
    --------
    >>> repair("a\ud800b")
    'a�b'
    """
    return _SURROGATE.sub("\ufffd", text)
