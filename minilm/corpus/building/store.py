"""Documents between two stages: JSON lines, with an index of what later stages ask of all.

documents.jsonl    {"id", "text", "source", "metadata"} a line
documents.npy      ROW of each: where its line begins, its size, the digest of its words
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.corpus.building.tally import size
from minilm.corpus.deduplication import exact_keys
from minilm.corpus.documents import Document
from minilm.errors import MinilmError

__all__ = ["ROW", "load", "read", "read_one", "rows", "save", "write"]

LINES, INDEX = "documents.jsonl", "documents.npy"
ROW = np.dtype([("offset", "<i8"), ("bytes", "<i8"), ("digest", "<u8")])
BATCH = 2**20  # characters whose digests are computed at a time
_KEYS = ("id", "text", "source", "metadata")


def write(folder: Path, documents: Iterable[Document]) -> None:
    """Write the documents; a few megabytes are in memory."""
    found: list[tuple[int, int]] = []
    digests = [np.empty(0, np.uint64)]
    texts: list[str] = []
    offset = held = 0
    with open(folder / LINES, "wb") as file:
        for document in documents:
            record = {key: getattr(document, key) for key in _KEYS[:3]}
            record["metadata"] = dict(document.metadata)
            line = json.dumps(record, ensure_ascii=False, default=str) + "\n"
            found.append((offset, size(document.text)))
            offset += file.write(line.encode("utf-8", "surrogatepass"))
            texts.append(document.text)
            held += len(document.text)
            if held >= BATCH:
                digests.append(exact_keys(texts)[:, 0])
                texts, held = [], 0
    digests.append(exact_keys(texts)[:, 0])
    index = np.empty(len(found), ROW)
    for i, name in enumerate(("offset", "bytes")):
        index[name] = [row[i] for row in found]
    index["digest"] = np.concatenate(digests)
    save(folder / INDEX, index)


def rows(folder: Path) -> NDArray:
    """The index (N,) of `ROW`."""
    return load(folder / INDEX)


def read(folder: Path) -> Iterator[Document]:
    """The documents, in order."""
    with open(folder / LINES, "rb") as file:
        for line in file:
            yield _document(line)


def read_one(folder: Path, row: int) -> Document:
    """The document with this row in the index."""
    with open(folder / LINES, "rb") as file:
        file.seek(int(rows(folder)["offset"][row]))
        return _document(file.readline())


def _document(line: bytes) -> Document:
    record: dict[str, Any] = json.loads(line.decode("utf-8", "surrogatepass"))
    return Document(*(record[key] for key in _KEYS))


def save(path: Path, array: NDArray) -> None:
    """Write an array as a NumPy file."""
    np.save(path, array, allow_pickle=False)


def load(path: Path, *, mapped: bool = False) -> NDArray:
    """The array of a NumPy file.

    Raises
    ------
    MinilmError
        If the file is gone or is none: someone has been in the work folder.
    """
    try:
        found: NDArray = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
        return found
    except (OSError, ValueError, EOFError) as error:
        raise MinilmError(
            f"cannot read {path}: {error}; delete the folder work beside it and build again"
        ) from None
