"""Filters from the tables of a recipe, checked before any document is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from minilm.corpus.filters.c4 import C4
from minilm.corpus.filters.fineweb import FineWeb
from minilm.corpus.filters.gopher import GopherQuality, GopherRepetition
from minilm.corpus.pipeline import Rule
from minilm.errors import MinilmError, did_you_mean

__all__ = ["NAMES", "build"]

NAMES: dict[str, type] = {
    "gopher_quality": GopherQuality,
    "gopher_repetition": GopherRepetition,
    "c4": C4,
    "fineweb": FineWeb,
}


def build(table: Mapping[str, Any]) -> list[Rule]:
    """The filters that a recipe's `[filters]` names, in its order.

    Parameters
    ----------
    table : mapping
        Name of a filter -> its thresholds that are not the published ones, or `True` for all
        of those; `False` leaves it out. A range is a list of two; `inf` and `-inf` switch a
        limit off. A table of n-grams replaces the published one, and may be empty.

    Raises
    ------
    MinilmError
        If a filter or a threshold has another name, or a value another kind.

    Examples
    --------
    >>> rules = build({"gopher_quality": {"words": [5, math.inf]}, "fineweb": True})
    >>> rules[0].words, rules[1].short_line_length
    ((5, inf), 30)
    >>> build({"gopher_quality": {"word": [5, 10]}})
    Traceback (most recent call last):
        ...
    minilm.errors.MinilmError: filters.gopher_quality: unknown key 'word'; did you mean 'words'?
    """
    if not isinstance(table, Mapping):
        raise MinilmError(f"filters = {table!r}: write a table, such as [filters.gopher_quality]")
    rules = []
    for name, settings in table.items():
        if name not in NAMES:
            raise MinilmError(f"no filter {name!r}{did_you_mean(name, NAMES)}")
        if settings is False:
            continue
        if settings is True:
            settings = {}
        if not isinstance(settings, Mapping):
            raise MinilmError(
                f"filters.{name} = {settings!r}: write true, false or a table of thresholds"
            )
        rules.append(_one(name, settings))
    return rules


def _one(name: str, settings: Mapping[str, Any]) -> Rule:
    defaults = {field.name: getattr(NAMES[name](), field.name) for field in fields(NAMES[name])}
    values = {}
    for key, value in settings.items():
        where = f"filters.{name}"
        if key not in defaults:
            raise MinilmError(f"{where}: unknown key {key!r}{did_you_mean(key, defaults)}")
        values[key] = _like(defaults[key], value, f"{where}: {key} = {value!r}")
    rule: Rule = NAMES[name](**values)
    return rule


def _like(default: Any, value: Any, what: str) -> Any:
    """The value in the form of the default."""
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise MinilmError(f"{what}: must be true or false")
    if isinstance(default, int | float):
        return _number(value, what)
    if isinstance(default, Mapping):
        return _ngrams(value, what)
    if not isinstance(value, list | tuple):
        raise MinilmError(f"{what}: must be a list")
    if isinstance(default[0], str):
        if all(isinstance(word, str) and word for word in value):
            return tuple(value)
        raise MinilmError(f"{what}: must be a list of words")
    if len(value) != 2:
        raise MinilmError(f"{what}: must be a list of two numbers, the least and the most")
    low, high = (_number(limit, what) for limit in value)
    if low > high:
        raise MinilmError(f"{what}: the least is more than the most; swap them")
    return low, high


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise MinilmError(f"{what}: must be a number")
    return value


def _ngrams(value: Any, what: str) -> dict[int, float]:
    if not isinstance(value, Mapping):
        raise MinilmError(f"{what}: must be a table of limits, such as {{ 2 = 0.2 }}")
    sizes = [str(n) for n in value]
    for n in sizes:
        if not (n.isascii() and n.isdecimal() and 1 <= int(n) <= 1000):
            raise MinilmError(f"{what}: {n!r} is no number of words from 1 to 1000")
    return {int(n): _number(limit, what) for n, limit in zip(sizes, value.values(), strict=True)}
