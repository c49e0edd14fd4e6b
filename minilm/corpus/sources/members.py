r"""Compressed files, read as far as they are whole.

A gzip file is a chain of members, a zstd file one of frames, each of which decompresses by
itself. Archives are made by appending members, and break where a writer was killed: a member
is cut, and whole ones may follow it. The decompressor notices late, for it takes the next
member for the rest of the cut one, and may make a hundred kilobytes of rubbish of it. So each
member is gone through before anything of it is handed on. After a fault, the next place that
looks like a beginning (the magic bytes, and the first bytes decompress) is where reading goes
on, and the faulty member ends there: what is cut gives all that it has, and nothing else.

A member in which a byte has changed is another matter: from somewhere on it is wrong, at the
latest by the checksum at its end. It is handed on up to where it fails, as `Mark.DOUBTFUL`.

Sources: RFC 1952 (gzip), sections 2.2 and 2.3.1; RFC 8878 (zstd), section 3.1.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from minilm.corpus import extra
from minilm.corpus.sources.problems import Mark, Report

__all__ = ["Codec", "codec", "decompressed"]

_BLOCK = 2**20
_HELD = 2**24  # bytes of content that are kept while a member is gone through


class Codec(NamedTuple):
    """How a format is taken apart.

    `step` bytes go in at a time. It is small because nothing bounds what comes out: of two
    thousand bytes of zstd, as much as 64 MB. What gives something within `probe` bytes is taken
    for a member: longer than any usual header of gzip, or than the first block of zstd.
    """

    name: str
    member: str
    magic: bytes
    step: int
    probe: int
    new: Callable[[], Any]
    fault: type[Exception]


def codec(compression: str) -> Codec:
    """That of "gzip" or "zstd".

    Raises
    ------
    MinilmError
        If it is zstd and the package zstandard is missing.
    """
    if compression == "gzip":
        gzip = partial(zlib.decompressobj, 16 + zlib.MAX_WBITS)
        return Codec("gzip", "member", b"\x1f\x8b\x08", 16_384, 1024, gzip, zlib.error)
    zstandard = extra.load("zstandard", "zstandard", "corpus", "reading zstd files")

    def zstd() -> Any:
        return zstandard.ZstdDecompressor().decompressobj()

    magic = b"\x28\xb5\x2f\xfd"
    return Codec("zstd", "frame", magic, 2048, 2**17 + 64, zstd, zstandard.ZstdError)


def decompressed(
    file: BinaryIO, size: int, path: str, codec: Codec, report: Report
) -> Iterator[bytes | Mark]:
    """The content of all members in blocks, and marks wherever something is wrong with it.

    Parameters
    ----------
    file : binary file
        Open at its beginning; it must be able to seek.
    size : int
        Bytes that it should have.
    path : str
        For messages.
    report : callable
        Called with "compression" and a message for each faulty member, before its content,
        and with "changed" if the file ends before `size`.
    """
    start = 0
    while start < size:
        if start and _only_zeros(file, start):  # padding, as tapes have it
            break
        member = _examined(file, start, codec)
        is_short = False
        if member.fault:
            is_short = member.file_end is not None and member.file_end < size
            if is_short:
                found = f"has {member.file_end} bytes, but had {size} when it was listed"
                report("changed", f"{path} {found}")
            else:
                place = f"the {codec.member} at byte {start}: {member.fault}"
                report("compression", f"{path}: {codec.name} is broken in {place}")
                if not member.is_cut:
                    yield Mark.DOUBTFUL
        if member.content:
            yield from member.content
        else:
            ended = yield from _content(file, start, member.end, codec)
            if not ended and not member.fault:
                is_short = True
                report("changed", f"{path} changed while it was read")
                yield Mark.LOST
        if member.fault:
            yield Mark.LOST
        if is_short:
            break
        start = member.end


class _Member(NamedTuple):
    """What was found in going through a member.

    Attributes
    ----------
    end : int
        Where the next one begins.
    fault : str
        Why it is faulty; "" if it is not.
    is_cut : bool
        It is faulty, but not before its end.
    file_end : int or None
        The size of the file, if it seems to end within the member.
    content : sequence of bytes
        All of it, if it is whole and not too large.
    """

    end: int
    fault: str = ""
    is_cut: bool = False
    file_end: int | None = None
    content: Sequence[bytes] = ()


def _examined(file: BinaryIO, start: int, codec: Codec) -> _Member:
    """Decompresses the member that begins at start."""
    file.seek(start)
    decoder, at, length = codec.new(), start, 0
    held: list[bytes] = []
    fault = ""
    while not decoder.eof:
        block = file.read(codec.step)
        at += len(block)
        try:
            content = decoder.decompress(block)
        except codec.fault as error:
            fault = f"near byte {at}: {_reason(error)}"
        if fault or not block:
            break
        length += len(content)
        if length > _HELD:
            held.clear()
        else:
            held.append(content)
    if decoder.eof and not fault:
        return _Member(at - len(decoder.unused_data), content=held)
    end = _next(file, start + 1, codec)
    if fault and not _is_sound(file, start, end, codec):
        return _Member(end, fault)
    return _Member(end, f"it is cut at byte {end}", True, None if fault else at)


def _is_sound(file: BinaryIO, start: int, end: int, codec: Codec) -> bool:
    """Whether nothing is wrong up to a byte: what is wrong, then, is that it ends there."""
    file.seek(start)
    decoder = codec.new()
    try:
        while not decoder.eof and (block := file.read(min(codec.step, end - file.tell()))):
            decoder.decompress(block)
    except codec.fault:
        return False
    return True


def _content(
    file: BinaryIO, start: int, end: int, codec: Codec
) -> Generator[bytes | Mark, None, bool]:
    """Yields what the bytes of a member give, up to a fault; whether the member ended well."""
    decoder, at = codec.new(), start
    while not decoder.eof and at < end:
        file.seek(at)
        block = file.read(min(codec.step, end - at))
        at += len(block)
        try:
            content = decoder.decompress(block)
        except codec.fault:
            return False
        if not block:
            return False
        yield content
    return bool(decoder.eof)


def _next(file: BinaryIO, start: int, codec: Codec) -> int:
    """Where the next member begins, at or after start; the end of the file if none does."""
    overlap = len(codec.magic) - 1
    while True:
        file.seek(start)
        block = file.read(_BLOCK)
        found = block.find(codec.magic)
        while found >= 0:
            if _decompresses(file, start + found, codec):
                return start + found
            found = block.find(codec.magic, found + 1)
        if len(block) < _BLOCK:
            return start + len(block)
        start += _BLOCK - overlap


def _decompresses(file: BinaryIO, start: int, codec: Codec) -> bool:
    """Whether the first bytes of what may be a member give something, or all of it."""
    file.seek(start)
    decoder, left = codec.new(), codec.probe
    try:
        while left and not decoder.eof:
            size = min(left, codec.step)
            if decoder.decompress(file.read(size)):
                return True
            left -= size
    except codec.fault:
        pass
    return bool(decoder.eof)


def _only_zeros(file: BinaryIO, start: int) -> bool:
    """Whether something follows, all of it zero."""
    file.seek(start)
    block = file.read(_BLOCK)
    if not block:
        return False
    while block:
        if block.strip(b"\0"):
            return False
        block = file.read(_BLOCK)
    return True


def _reason(error: Exception) -> str:
    """What the library says, without its own name and numbers."""
    text = str(error).removeprefix("zstd decompressor error: ")
    return text.rpartition("decompressing data: ")[2]
