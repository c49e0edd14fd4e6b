"""Text to UTF-8, and whether bytes are UTF-8, with errors that name the place."""

from __future__ import annotations

import codecs

from minilm.errors import MinilmError
from minilm.tokenizers.base import bad_character

__all__ = ["checked", "utf8"]

MODES = ("strict", "replace")
WINDOW = 1 << 16  # bytes


def _check(errors: str) -> None:
    if errors not in MODES:
        raise MinilmError(f"errors = {errors!r}: choose from {', '.join(MODES)}")


def utf8(text: str, errors: str = "strict") -> bytes:
    r"""The text in UTF-8.

    Half of a surrogate pair, such as the JSON string "\ud800" gives, is refused with its place,
    or ("replace") becomes U+FFFD; two that make a pair then become the character that they mean.

    Examples
    --------
    >>> utf8("a\ud83d\ude00\ud83d", "replace").decode()
    'a😀\ufffd'
    """
    _check(errors)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        if errors == "replace":
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        why = "is half of a surrogate pair and has no UTF-8; remove it, or replace such by U+FFFD"
        raise bad_character(text, error.start, why) from None


def checked(data: bytes, where: str, errors: str, offset: int, line: int) -> bytes:
    """The bytes if they are UTF-8, else MinilmError or what `errors="replace"` makes of them.

    Parameters
    ----------
    where : str
        Of what they are a part, for the message; they begin there at `offset`, in line `line`.
    """
    _check(errors)
    fault = _fault(data)
    if fault is None:
        return data
    if errors == "replace":
        return data.decode("utf-8", "replace").encode()
    start, reason = fault
    line += data.count(b"\n", 0, start)
    raise MinilmError(
        f"{where} is not UTF-8: byte 0x{data[start]:02x} at byte "
        f"{offset + start}, line {line} ({reason}); repair it, or replace such "
        "bytes by U+FFFD"
    )


def _fault(data: bytes) -> tuple[int, str] | None:
    """The first byte that is not UTF-8, and why; found a window at a time.

    As text, bytes take up to four times as much memory. Large pieces of memory, each of another
    size, leave gaps that the next does not fit: gigabytes of them after some hundred blocks.
    """
    view, start = memoryview(data), 0
    try:
        while start < len(view):
            end = start + WINDOW
            start += codecs.utf_8_decode(view[start:end], "strict", end >= len(view))[1]
    except UnicodeDecodeError as error:
        return start + error.start, error.reason
    return None
