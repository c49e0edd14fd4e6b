"""Texts with labels, one JSON object a line, and their split into training and test.

    {"text": "def sleep(delay): ...", "label": "asyncio", "document": "asyncio/tasks.py"}

Passages of one document are alike, so all of them are on one side: a probe that recognises
the document would else be counted as one that knows the label. Without "document" each line
is its own. Other keys are ignored.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minilm.errors import MinilmError
from minilm.evaluation.json_lines import records

__all__ = ["Example", "read", "split"]


@dataclass(frozen=True)
class Example:
    """A text with its label.

    Attributes
    ----------
    text, label : str
    document : str
        What it was drawn from.
    """

    text: str
    label: str
    document: str


def read(path: str | os.PathLike[str]) -> list[Example]:
    """The examples of a file.

    Raises
    ------
    MinilmError
        If the file cannot be read or a line is no example; the message names file and line.
    """
    return [_example(record, where) for where, record in records(path)]


def _example(record: dict[str, Any], where: str) -> Example:
    """A record; without a document it is its own, by the file's name and not the folder's, so
    that the split does not depend on how the path was written."""
    for key in ("text", "label"):
        if key not in record:
            there = ", ".join(f'"{name[:40]}"' for name in list(record)[:8]) or "no keys"
            raise MinilmError(f'{where}: no "{key}" but {there}; give "text" and "label"')
    text, label, document = (
        record["text"],
        record["label"],
        record.get("document", os.path.basename(where)),
    )
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)
    for key, value in (("text", text), ("label", label), ("document", document)):
        if not isinstance(value, str) or not value.strip():
            raise MinilmError(f'{where}: "{key}" must be a text, and not an empty one')
    return Example(text, label, document)


def split(
    examples: Sequence[Example], fraction: float = 0.3, seed: int = 0
) -> tuple[list[Example], list[Example]]:
    """(training, test), with about `fraction` of the documents of each label in test.

    Which ones follows from a hash of their names; a label has at least one on either side.

    Raises
    ------
    MinilmError
        If there are fewer than two labels, or a label has fewer than two documents.

    Examples
    --------
    >>> examples = [Example("x", label, f"{label}{i}") for label in "ab" for i in range(10)]
    >>> training, test = split(examples)
    >>> len(training), len(test), sorted({example.label for example in test})
    (14, 6, ['a', 'b'])
    """
    label_of: dict[str, str] = {}
    for example in examples:
        label_of.setdefault(example.document, example.label)
    labels = {example.label for example in examples}
    if len(labels) < 2:
        raise MinilmError(f"all examples have the label {min(labels)!r}; give two labels or more")
    test: set[str] = set()
    for label in sorted(labels):
        documents = sorted((_hash(d, seed), d) for d, own in label_of.items() if own == label)
        if len(documents) < 2:
            raise MinilmError(
                f"the label {label!r} has {len(documents)} of its own documents; two are needed, "
                "one to learn from and one to test with"
            )
        n = min(max(1, round(fraction * len(documents))), len(documents) - 1)
        test |= {document for _, document in documents[:n]}
    return (
        [example for example in examples if example.document not in test],
        [example for example in examples if example.document in test],
    )


def _hash(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}/{name}".encode("utf-8", "surrogatepass")).digest()
