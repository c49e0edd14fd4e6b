"""GPT-2's visible letters for bytes, in which files of byte-level BPE spell their tokens."""

from __future__ import annotations

__all__ = ["byte_letters"]


def byte_letters() -> dict[str, int]:
    """The letter of each byte: itself if printable, else one from U+0100 on.

    Examples
    --------
    >>> letters = byte_letters()
    >>> letters["a"], letters["Ġ"]
    (97, 32)
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [value for value in range(256) if value not in printable]
    letters = {chr(value): value for value in printable}
    return letters | {chr(0x100 + i): value for i, value in enumerate(hidden)}
