"""Tables of a TOML file into dataclasses, each key checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

from minilm.errors import MinilmError, did_you_mean

__all__ = ["read"]

T = TypeVar("T")
_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple[str, ...]: "a list of texts",
}


def read(kind: type[T], table: Any, name: str) -> T:
    """The dataclass `kind` with what stands in the table ``[name]``; the rest is default.

    Raises
    ------
    MinilmError
        If it is no table, or a key is unknown or of another type.
    """
    if not isinstance(table, Mapping):
        raise MinilmError(f"{name} is a table: write [{name}]")
    hints = get_type_hints(kind)
    types = {field.name: hints[field.name] for field in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in types:
            raise MinilmError(f"unknown key {name}.{key}{did_you_mean(key, types)}")
    values = {key: _checked(f"{name}.{key}", value, types[key]) for key, value in table.items()}
    return kind(**values)


def _checked(key: str, value: Any, kind: Any) -> Any:
    if kind == tuple[str, ...]:
        if isinstance(value, list | tuple) and all(type(item) is str for item in value):
            return tuple(value)
    elif kind is float and type(value) is int:
        return float(value)
    elif type(value) is kind and (kind is not float or math.isfinite(value)):
        return value
    raise MinilmError(f"{key} = {value!r}: expected {_WORDS[kind]}")
