"""Bytes in blocks to lines, each with its number and its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from minilm.corpus.sources.problems import Mark

__all__ = ["Line", "split"]


class Line(NamedTuple):
    """A line without its end.

    `number` counts from 1 and `offset` is that of its first byte, both within the blocks.
    `data` is None if it was longer than the limit. `doubt` is 0, or the number of the loss that
    the line may suffer from: it ends in doubtful bytes (`Mark.DOUBTFUL`), or stands behind lost
    ones, which may have had its beginning.
    """

    number: int
    offset: int
    data: bytes | None
    doubt: int = 0


def split(blocks: Iterable[bytes | Mark], limit: int) -> Iterator[Line]:
    r"""Cut at each "\n"; where bytes are lost, the line that they were in is dropped.

    A line of more than `limit` bytes is never held: it is counted, not kept.

    Examples
    --------
    >>> [tuple(line) for line in split([b"a\nb", b"c\nlong", b"er\nd"], limit=4)]
    [(1, 0, b'a', 0), (2, 2, b'bc', 0), (3, 5, None, 0), (4, 12, b'd', 0)]
    """
    number, offset, doubts, doubt, lasting = 1, 0, 0, 0, False
    held: list[bytes] = []
    length = 0  # of the line so far, of which `held` has at most `limit` bytes
    for block in blocks:
        if isinstance(block, Mark):
            doubts += 1
            doubt, lasting = doubts, block is Mark.DOUBTFUL
            if block is Mark.LOST:
                offset += length
                held, length = [], 0
            continue
        *whole, rest = block.split(b"\n")
        for piece in whole:
            length += len(piece)
            held.append(piece)
            yield Line(number, offset, b"".join(held) if length <= limit else None, doubt)
            number += 1
            offset += length + 1
            held, length = [], 0
            doubt = doubt if lasting else 0
        length += len(rest)
        if length <= limit:
            held.append(rest)
        else:
            held = []
    if length:
        yield Line(number, offset, b"".join(held) if length <= limit else None, doubt)
