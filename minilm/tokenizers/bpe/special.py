"""Special tokens that a text spells out: plain text, refused, or taken as the tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from minilm.errors import MinilmError
from minilm.tokenizers.bpe.utf8 import utf8

__all__ = ["MODES", "Special", "Specials", "check"]

Special = Literal["plain", "refuse", "honour"]
MODES: tuple[Special, ...] = ("plain", "refuse", "honour")


def check(mode: str) -> None:
    """MinilmError if there is no such mode."""
    if mode not in MODES:
        raise MinilmError(f"special = {mode!r}: choose from {', '.join(MODES)}")


class Specials:
    """The special tokens of one tokenizer, sought in UTF-8.

    Where several begin at one place the longest counts.

    Parameters
    ----------
    ids : mapping
        Name -> id.
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._ids = {utf8(name): i for name, i in ids.items()}
        names = sorted(self._ids, key=len, reverse=True)
        self._expression = re.compile(b"|".join(map(re.escape, names))) if names else None
        self.longest = max(map(len, names), default=0)

    def parts(self, data: bytes) -> Iterator[tuple[bytes, int | None]]:
        """The text between special tokens, and the id of the one that follows it, if any."""
        start = 0
        for match in self._expression.finditer(data) if self._expression else ():
            yield data[start : match.start()], self._ids[match[0]]
            start = match.end()
        yield data[start:], None

    def refuse(self, data: bytes, where: str, line: int = 1) -> None:
        """MinilmError if one stands in the text, whose first line has the number `line`."""
        match = self._expression.search(data) if self._expression else None
        if match:
            line += data.count(b"\n", 0, match.start())
            raise MinilmError(
                f"{where} has the special token {match[0].decode()!r} in line {line}; "
                "remove it, or say whether it is plain text or to be honoured"
            )

    def cut_beside(self, data: bytes, cut: int) -> int:
        """The cut, or one beside the special token that it goes through."""
        for match in self._expression.finditer(data) if self._expression else ():
            if match.start() >= cut:
                break
            if match.end() > cut:
                return match.start() or match.end()
        return cut
