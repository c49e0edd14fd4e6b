"""Numbers, names and records as text: for people, and as JSON for programs."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

__all__ = ["clock", "count", "duration", "memory", "printable", "rate", "share", "to_json"]

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(number: float) -> str:
    """Three figures and a decimal prefix.

    Examples
    --------
    >>> count(124439808), count(465_000), count(12)
    ('124 M', '465 k', '12')
    """
    if not math.isfinite(number):
        return str(number)
    for unit, prefix in _UNITS:
        # From 999.5 up, three figures of the smaller unit would read "1000".
        if abs(number) >= 0.9995 * unit:
            value = number / unit
            return f"{value:.{max(0, 2 - _exponent(value))}f} {prefix}"
    return f"{number:.0f}"


def _exponent(value: float) -> int:
    """The power of ten of `value` once it is rounded to three figures."""
    return int(f"{value:.2e}".partition("e")[2])


def memory(n_bytes: float) -> str:
    """Bytes in decimal units.

    Examples
    --------
    >>> memory(812_400_000), memory(2048)
    ('812 MB', '2.05 kB')
    """
    text = count(n_bytes)
    return f"{text}B" if " " in text else f"{text} B"


def rate(per_second: float, what: str) -> str:
    """A throughput.

    Examples
    --------
    >>> rate(21400, "tokens")
    '21.4 k tokens/s'
    """
    return f"{count(per_second)} {what}/s"


def share(fraction: float) -> str:
    """A fraction in per cent, to two figures; one that is not known is a dash.

    Examples
    --------
    >>> share(0.714), share(0.052), share(float("nan"))
    ('71 %', '5.2 %', '-')
    """
    if not math.isfinite(fraction):
        return "-"
    return f"{100 * fraction:.{1 if fraction < 0.0995 else 0}f} %"


def duration(seconds: float) -> str:
    """A time with its units, to two places of the largest.

    Examples
    --------
    >>> duration(4.21), duration(132), duration(7500)
    ('4.2 s', '2 min 12 s', '2 h 05 min')
    """
    if not math.isfinite(seconds):
        return "-"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"


def clock(seconds: float) -> str:
    """A time as narrow as it gets.

    Examples
    --------
    >>> clock(7), clock(132), clock(7500)
    ('0:07', '2:12', '2:05:00')
    """
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def printable(text: str, *, keep: str = "") -> str:
    r"""`text` with every character that could steer or garble a terminal written as its escape.

    Those are the control characters, the lone surrogates and the invisible characters that
    change the direction of text. The characters in `keep` stay as they are.

    Examples
    --------
    >>> printable("a\x1b[31mb\n")
    'a\\x1b[31mb\\n'
    """
    unsafe = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(
        character
        if character in keep or unicodedata.category(character) not in unsafe
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def to_json(value: Any) -> str:
    """One JSON object on one line, in ASCII, with null for what JSON has no number for.

    Examples
    --------
    >>> to_json({"loss": float("nan"), "steps": (1, 2)})
    '{"loss": null, "steps": [1, 2]}'
    """
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if hasattr(value, "item"):  # a NumPy scalar
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
