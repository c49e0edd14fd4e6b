"""Questions with their answers, one JSON object a line.

Multiple choice, where the model says which of several continuations it holds for likeliest:

    {"context": "The keys to the cabinet", "continuations": [" is", " are"], "answer": 1}

`answer` counts from 0, or is the right continuation itself. Cloze, where there is one
continuation, and the model must find it by itself:

    {"context": "He supported himself and his", "continuation": " family"}

A continuation begins where the context ends, so the space between two words belongs to one of
the two; models that split text into words want it at the beginning of the continuation.
"query", "choices" and "gold", by which the same things go elsewhere, are read as well. Items
that share a "document" are not independent, and the standard error then is by document. Other
keys are ignored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from minilm.errors import MinilmError
from minilm.evaluation.json_lines import records

__all__ = ["Item", "read"]


@dataclass(frozen=True)
class Item:
    """One question.

    Attributes
    ----------
    where : str
        For messages, such as ``FILE:LINE``.
    context : str
    continuations : tuple of str
        One of them: cloze. Several: multiple choice.
    answer : int
        Place of the right one.
    document : str
        Items of one document count together; by default each is its own.
    """

    where: str
    context: str
    continuations: tuple[str, ...]
    answer: int = 0
    document: str = ""

    @property
    def group(self) -> str:
        """What it was drawn with: its document, or nothing but itself."""
        return f"document {self.document}" if self.document else self.where

    @property
    def is_cloze(self) -> bool:
        """Whether there is nothing to choose from."""
        return len(self.continuations) == 1


def read(path: str | os.PathLike[str]) -> list[Item]:
    """The items of a file; all are multiple choice, or all are cloze.

    Raises
    ------
    MinilmError
        If the file cannot be read or a line is no item; the message names file and line.
    """
    items = [_item(record, where) for where, record in records(path)]
    for item in items:
        if item.is_cloze != items[0].is_cloze:
            kinds = ("several continuations", "one continuation")
            raise MinilmError(
                f"{item.where}: {kinds[item.is_cloze]}, where the items before have "
                f"{kinds[items[0].is_cloze]}; put cloze and multiple choice in two files"
            )
    return items


def _item(record: dict[str, Any], where: str) -> Item:
    context = _one_of(record, ("context", "query"), where)
    if not isinstance(context, str):
        raise MinilmError(f'{where}: "context" must be a text, not {_kind(context)}')
    document = record.get("document", "")
    if not isinstance(document, str):
        raise MinilmError(f'{where}: "document" must be a text, not {_kind(document)}')
    if "continuation" in record:
        continuation = record["continuation"]
        if not isinstance(continuation, str) or not continuation:
            raise MinilmError(f'{where}: "continuation" must be a text, and not an empty one')
        return Item(where, context, (continuation,), 0, document)
    choices = _choices(_one_of(record, ("continuations", "choices"), where), where)
    answer = _one_of(record, ("answer", "gold"), where)
    return Item(where, context, choices, _answer(answer, choices, where), document)


def _one_of(record: dict[str, Any], names: tuple[str, str], where: str) -> Any:
    """The value of the first of the names that is there."""
    for name in names:
        if name in record:
            return record[name]
    there = ", ".join(f'"{name[:40]}"' for name in list(record)[:8]) or "no keys"
    raise MinilmError(
        f'{where}: no "{names[0]}" but {there}; an item has "context", and "continuations" '
        'with "answer" or else "continuation"'
    )


def _choices(found: Any, where: str) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(c, str) and c for c in found):
        raise MinilmError(f'{where}: "continuations" must be a list of texts, none of them empty')
    if len(found) < 2:
        raise MinilmError(
            f'{where}: {len(found)} in "continuations"; give two or more, or one "continuation"'
        )
    for choice in found:
        if found.count(choice) > 1:
            raise MinilmError(f"{where}: {choice!r} is there twice, so neither can be the best")
    return tuple(found)


def _answer(answer: Any, choices: tuple[str, ...], where: str) -> int:
    if isinstance(answer, str) and answer in choices:
        return choices.index(answer)
    whole = isinstance(answer, int) and not isinstance(answer, bool)
    if whole and 0 <= answer < len(choices):
        return int(answer)
    raise MinilmError(
        f'{where}: "answer" is {answer!r}; give the place of the right continuation, '
        f"0 to {len(choices) - 1}, or its text"
    )


def _kind(value: Any) -> str:
    kinds = {list: "a list", dict: "an object", bool: "true or false", str: "a text"}
    return "null" if value is None else kinds.get(type(value), "a number")
