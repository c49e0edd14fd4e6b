"""A document: the unit in which text is read, split, filtered and digested."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Document", "digest"]


@dataclass(frozen=True)
class Document:
    """One text with its name and where it came from.

    Attributes
    ----------
    id : str
        Names the document within its corpus: a path relative to the folder that was read,
        or a topic. Splits are drawn from it, so it should not depend on the machine.
    text : str
    source : str
        The corpus that it belongs to: the path that was read, or the name of an embedded corpus.
    metadata : mapping
        Whatever else a source or a later stage knows. Not part of `digest`.
    """

    id: str
    text: str
    source: str
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)


def digest(documents: Iterable[Document]) -> str:
    """SHA-256 of the ids and texts, in order, as 64 hex digits.

    Each string goes in behind its length, so that moving characters from one document
    to the next, or from a text to an id, changes the digest.

    Examples
    --------
    >>> one = digest([Document("a", "bc", "here")])
    >>> one == digest([Document("a", "bc", "elsewhere")])
    True
    >>> one == digest([Document("ab", "c", "here")])
    False
    """
    sha = hashlib.sha256()
    for document in documents:
        for string in (document.id, document.text):
            # A file name may hold lone surrogates, which plain UTF-8 refuses.
            data = string.encode("utf-8", "surrogatepass")
            sha.update(len(data).to_bytes(8, "little"))
            sha.update(data)
    return sha.hexdigest()
