"""How options look on the command line, and what their values must be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tyro
from tyro.constructors import PrimitiveConstructorSpec

__all__ = ["FRACTION", "NUMBER", "POSITIVE", "WHOLE", "described"]


def described(metavar: str | None = None, *, hint: str = "", name: str | None = None) -> object:
    """How an option is shown: the name of its value, and what follows its description."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=hint, name=name)


def _spec(metavar: str, parse: Callable[[str], Any]) -> PrimitiveConstructorSpec[Any]:
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda words: parse(words[0]),
        is_instance=lambda value: value is None or isinstance(value, (int, float)),
        str_from_instance=lambda value: [str(value)],
    )


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return value


def _not_negative(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise ValueError(f"{text!r} is negative")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise ValueError(f"{text!r} is not above zero")
    return value


def _fraction(text: str) -> float:
    value = _positive(text)
    if value > 1:
        raise ValueError(f"{text!r} is above 1")
    return value


def _count(text: str) -> int:
    value = _whole(text)
    if value < 1:
        raise ValueError(f"{text!r} is below 1")
    return value


WHOLE = _spec("N", _whole)
COUNT = _spec("N", _count)
NUMBER = _spec("X", _not_negative)
POSITIVE = _spec("X", _positive)
FRACTION = _spec("P", _fraction)
