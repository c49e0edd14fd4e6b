"""Bytes in blocks to lines, each with its number and its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["Line", "split"]


class Line(NamedTuple):
    """A line without its end.

    `number` counts from 1 and `offset` is that of its first byte, both within the blocks.
    `data` is None if it was longer than the limit.
    """

    number: int
    offset: int
    data: bytes | None


def split(blocks: Iterable[bytes | None], limit: int) -> Iterator[Line]:
    r"""Cut at each "\n"; a block None says that bytes are missing, and drops what it breaks.

    A line of more than `limit` bytes is never held: it is counted, not kept.

    Examples
    --------
    >>> [tuple(line) for line in split([b"a\nb", b"c\nlong", b"er\nd"], limit=4)]
    [(1, 0, b'a'), (2, 2, b'bc'), (3, 5, None), (4, 12, b'd')]
    """
    number, offset = 1, 0
    held: list[bytes] = []
    length = 0  # of the line so far, of which `held` has at most `limit` bytes
    for block in blocks:
        if block is None:
            offset += length
            held, length = [], 0
            continue
        *whole, rest = block.split(b"\n")
        for piece in whole:
            length += len(piece)
            held.append(piece)
            yield Line(number, offset, b"".join(held) if length <= limit else None)
            number += 1
            offset += length + 1
            held, length = [], 0
        length += len(rest)
        if length <= limit:
            held.append(rest)
        else:
            held = []
    if length:
        yield Line(number, offset, b"".join(held) if length <= limit else None)
