"""Exact duplicates: texts whose words are the same, whatever stands between them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from minilm.corpus.deduplication.normal import batches, word_hashes
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import OnReject, Rejection, ignore

__all__ = ["digest", "exact_duplicates", "exact_keys"]


def digest(text: str) -> int:
    """64 bits that are the same for texts with the same `normalised` words.

    Texts without any word are told apart by all their characters. Among n texts some two that
    differ have the same digest with probability n^2 / 2^65: for a hundred million, 1 in 4000.

    Examples
    --------
    >>> digest("It is 5 o'clock.") == digest("IT IS 6 O’CLOCK") != digest("It is")
    True
    """
    return next(_digests([text]))


def exact_keys(texts: Iterable[str]) -> NDArray[np.uint64]:
    """The digest of each text (N, 1), as `clusters` takes keys."""
    found = [digest for batch in batches(texts) for digest in _digests(batch)]
    return np.array(found, np.uint64).reshape(-1, 1)


def exact_duplicates(
    documents: Iterable[Document], rejected: OnReject = ignore
) -> Iterator[Document]:
    """The first document of each that have the same words, one by one.

    Remembers the digest and the id of each, not its text.

    Examples
    --------
    >>> texts = {"a": "Hello, world!", "b": "hello world", "c": "Hello, word!"}
    >>> documents = [Document(name, text, "here") for name, text in texts.items()]
    >>> [d.id for d in exact_duplicates(documents, lambda r: print(r.document.id, r.limit))]
    b same words as a
    ['a', 'c']
    """
    first: dict[int, str] = {}
    for document in documents:
        key = digest(document.text)
        if key in first:
            limit = f"same words as {first[key]}"
            rejected(Rejection(document, "exact_duplicate", f"{key:016x}", limit))
        else:
            first[key] = document.id
            yield document


def _digests(texts: list[str]) -> Iterator[int]:
    hashes, ends = word_hashes(texts)
    start = 0
    for text, end in zip(texts, ends.tolist(), strict=True):
        # The hash of a word takes the place of its letters: it is of one size, and made already.
        data = hashes[start:end].astype("<u8").tobytes()
        kind = b"words" if data else b"characters"
        data = data or text.encode("utf-8", "surrogatepass")
        short = hashlib.blake2b(data, digest_size=8, person=kind).digest()
        yield int.from_bytes(short, "little")
        start = end
