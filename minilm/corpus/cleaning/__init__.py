"""Cleaning: the same text whatever wrote it. Each rule is a function from document to document.

In a recipe, in the order in which they are applied:

    [cleaning]
    mojibake = true
    unicode_normal_form = { form = "NFC" }
    control_characters = true
    white_space = { within_lines = false }
    mask_addresses = true
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from minilm.corpus.cleaning.addresses import mask_addresses
from minilm.corpus.cleaning.characters import control_characters, mojibake, unicode_normal_form
from minilm.corpus.cleaning.white_space import white_space
from minilm.corpus.pipeline import Rule
from minilm.errors import MinilmError, did_you_mean

__all__ = [
    "RULES",
    "build",
    "control_characters",
    "mask_addresses",
    "mojibake",
    "unicode_normal_form",
    "white_space",
]

RULES: dict[str, Callable[..., Rule]] = {
    "mojibake": mojibake,
    "unicode_normal_form": unicode_normal_form,
    "control_characters": control_characters,
    "white_space": white_space,
    "mask_addresses": mask_addresses,
}
_WORDS = {"str": "a text", "int": "a whole number", "bool": "true or false"}


def build(table: Mapping[str, Any]) -> list[Rule]:
    """The rules of a `[cleaning]` table, in its order; they can be pickled.

    A rule is switched on by `true` or by a table of its parameters, and off by `false`.

    Raises
    ------
    MinilmError
        Naming the rule or parameter that does not exist, or whose value is not of its type;
        or the extra that a rule needs.

    Examples
    --------
    >>> len(build({"white_space": {"blank_lines": 0}, "mojibake": False}))
    1
    >>> build({"white_spaces": True})
    Traceback (most recent call last):
        ...
    minilm.errors.MinilmError: cleaning: no rule 'white_spaces'; did you mean 'white_space'?
    """
    if not isinstance(table, Mapping):
        raise MinilmError("cleaning is a table of rules: write [cleaning]")
    rules = []
    for name, options in table.items():
        if name not in RULES:
            raise MinilmError(f"cleaning: no rule {name!r}{did_you_mean(name, RULES)}")
        if options is True:
            options = {}
        if isinstance(options, Mapping):
            _check(name, options)
            rules.append(RULES[name](**options))
        elif options is not False:
            raise MinilmError(f"cleaning.{name} = {options!r}: expected true, false or a table")
    return rules


def _check(name: str, options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(RULES[name]).parameters
    for key, value in options.items():
        if key not in parameters:
            known = did_you_mean(key, parameters) if parameters else "; it takes none"
            raise MinilmError(f"cleaning.{name}: no parameter {key!r}{known}")
        kind = parameters[key].annotation
        if type(value).__name__ != kind:
            raise MinilmError(f"cleaning.{name}.{key} = {value!r}: expected {_WORDS[kind]}")
