"""Training and validation text: two sides that share no document, or no characters."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

from minilm.corpus.documents import Document
from minilm.errors import MinilmError, did_you_mean

__all__ = ["METHODS", "by_document", "by_position", "split"]

METHODS = ("document", "position")

Sides = tuple[list[Document], list[Document]]


def split(
    documents: Sequence[Document], method: str, fraction: float = 0.1, seed: int = 0
) -> Sides:
    """(training, validation) by the method of that name: "document" or "position".

    Raises
    ------
    MinilmError
        If there is no such method, the fraction is not between 0 and 1, or there is too
        little text for two sides.
    """
    if method == "document":
        return by_document(documents, fraction, seed)
    if method == "position":
        return by_position(documents, fraction)
    raise MinilmError(f"no way to split by {method!r}{did_you_mean(method, METHODS)}")


def by_document(documents: Sequence[Document], fraction: float = 0.1, seed: int = 0) -> Sides:
    """(training, validation): each document goes to the side that its id and the seed say.

    A hash of the id is a number in [0, 1), and below `fraction` it means validation. So a
    document stays on its side when others come or go, on any machine and Python version.
    The fraction is met on average over documents; few documents meet it roughly.

    No side is left empty: when all fall on one, the document moves to the other whose length
    is nearest to what that side should get. A single document is split `by_position`.
    """
    _check(documents, fraction)
    if len(documents) == 1:
        return by_position(documents, fraction)
    held_out = [_uniform(document.id, seed) < fraction for document in documents]
    if all(held_out) or not any(held_out):
        share = 1 - fraction if all(held_out) else fraction
        wanted = share * sum(len(document.text) for document in documents)
        distances = [abs(len(document.text) - wanted) for document in documents]
        moved = distances.index(min(distances))
        held_out[moved] = not held_out[moved]
    training = [d for d, out in zip(documents, held_out, strict=True) if not out]
    validation = [d for d, out in zip(documents, held_out, strict=True) if out]
    return training, validation


def by_position(documents: Sequence[Document], fraction: float = 0.1) -> Sides:
    """(training, validation): validation is the last `fraction` of all characters, in order.

    The cut falls where nanoGPT's does, at int(n * (1 - fraction)) of n characters, but never
    at either end. A document that it goes through is on both sides, each time with the
    metadata "characters": (first, end).

    Examples
    --------
    >>> training, validation = by_position([Document("a", "0123456789", "here")], 0.2)
    >>> training[0].text, validation[0].text
    ('01234567', '89')
    """
    _check(documents, fraction)
    total = sum(len(document.text) for document in documents)
    if total < 2:
        raise MinilmError(f"a text of {total} characters cannot be split in two; give a longer one")
    left = min(max(int(total * (1 - fraction)), 1), total - 1)
    training: list[Document] = []
    validation: list[Document] = []
    for document in documents:
        size = len(document.text)
        if size <= left:
            training.append(document)
        elif left <= 0:
            validation.append(document)
        else:
            training.append(_part(document, 0, left))
            validation.append(_part(document, left, size))
        left -= size
    return training, validation


def _part(document: Document, first: int, end: int) -> Document:
    metadata = {**document.metadata, "characters": (first, end)}
    return dataclasses.replace(document, text=document.text[first:end], metadata=metadata)


def _uniform(name: str, seed: int) -> float:
    text = f"{seed}/{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "little") / 2**48


def _check(documents: Sequence[Document], fraction: float) -> None:
    if not 0 < fraction < 1:
        raise MinilmError(
            f"the validation fraction is {fraction}; choose one above 0 and below 1, like 0.1"
        )
    if not documents:
        raise MinilmError("there are no documents to split; give a text")
