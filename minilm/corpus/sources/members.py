r"""Compressed files, read as far as they are whole.

A gzip file is a chain of members, a zstd file one of frames, each of which decompresses by
itself. Archives are made by appending members, and break where a writer was killed: a member
is cut, and whole ones may follow it. So after a fault the next place that looks like a
beginning (the magic bytes, and the first `PROBE` bytes decompress) is where reading goes on.
What a cut member gave before its end is handed on; `None` tells the reader that something is
missing there, so that it drops the line or document that it was in. A member in which a byte
has changed may give wrong text before that is noticed, at the latest by the checksum at its end.

Sources: RFC 1952 (gzip), sections 2.2 and 2.3.1; RFC 8878 (zstd), section 3.1.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from minilm.corpus import extra
from minilm.corpus.sources.problems import Report

__all__ = ["PROBE", "Codec", "codec", "decompressed"]

PROBE = 65_536
_BLOCK = 2**20
_CUT = "it is cut"
_HELD = 2  # steps


class Codec(NamedTuple):
    """How a format is taken apart.

    `step` bytes go in at a time. It is small because nothing bounds what comes out: of two
    thousand bytes of zstd, as much as 64 MB.
    """

    name: str
    member: str
    magic: bytes
    step: int
    copies: bool  # whether a decoder in the middle of its work can be copied
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
        return Codec("gzip", "member", b"\x1f\x8b\x08", 16_384, True, gzip, zlib.error)
    zstandard = extra.load("zstandard", "zstandard", "corpus", "reading zstd files")

    def zstd() -> Any:
        return zstandard.ZstdDecompressor().decompressobj()

    magic = b"\x28\xb5\x2f\xfd"
    return Codec("zstd", "frame", magic, 2048, False, zstd, zstandard.ZstdError)


def decompressed(
    file: BinaryIO, size: int, path: str, codec: Codec, report: Report
) -> Iterator[bytes | None]:
    """The content of all members in blocks, and None wherever some of it is missing.

    Parameters
    ----------
    file : binary file
        Open at its beginning; it must be able to seek.
    size : int
        Bytes that it should have.
    path : str
        For messages.
    report : callable
        Called with "compression" and a message for each faulty member, and with "changed"
        if the file ends before `size`.
    """
    start = 0
    while start < size:
        if start and _only_zeros(file, start):  # padding, as tapes have it
            break
        end, fault, following = yield from _member(file, start, codec)
        start = following
        if not fault:
            continue
        is_short = fault.endswith(_CUT) and end < size
        if is_short:
            report("changed", f"{path} has {end} bytes, but had {size} when it was listed")
        else:
            report("compression", f"{path}: {codec.name} is broken in {fault}")
        yield None
        if is_short:
            break


class _Step(NamedTuple):
    before: Any  # a copy of the decoder before it took the block
    offset: int
    block: bytes
    content: bytes


def _member(
    file: BinaryIO, start: int, codec: Codec
) -> Generator[bytes | None, None, tuple[int, str, int]]:
    """Yields the content of the member that begins at start.

    Returns how far the file was read, why the member is faulty if it is, and where the next
    one begins. The last steps are held back: in a member that was cut, the one that follows
    is taken for its continuation and gives rubbish until the decoder notices.
    """
    file.seek(start)
    decoder = codec.new()
    at, fault = start, ""
    held: deque[_Step] = deque()
    while not decoder.eof and not fault:
        before = decoder.copy() if codec.copies else None
        block = file.read(codec.step)
        content = b""
        try:
            content = decoder.decompress(block)
            fault = "" if block else _CUT
        except codec.fault as error:
            fault = f"near byte {at + len(block)}: {_reason(error)}"
        held.append(_Step(before, at, block, content))
        at += len(block)
        if len(held) > _HELD:
            yield held.popleft().content
    following = _next(file, start + 1, codec) if fault else at - len(decoder.unused_data)
    if fault and codec.copies:
        yield _salvaged(held, following)
    else:
        yield from (step.content for step in held)
    place = f"the {codec.member} at byte {start}: " if fault else ""
    return at, place + fault, following


def _salvaged(steps: Iterable[_Step], end: int) -> bytes:
    """What bytes before `end` give up to the fault, which hides it from who asks for all."""
    found = []
    decoder: Any = None
    try:
        for step in steps:
            decoder = decoder or step.before
            for i in range(min(len(step.block), end - step.offset)):
                found.append(decoder.decompress(step.block[i : i + 1]))
    except zlib.error:
        pass
    return b"".join(found)


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
    """Whether the first bytes of what may be a member are in order."""
    file.seek(start)
    decoder = codec.new()
    try:
        for _ in range(PROBE // codec.step):
            if decoder.eof:
                break
            decoder.decompress(file.read(codec.step))
    except codec.fault:
        return False
    return True


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
