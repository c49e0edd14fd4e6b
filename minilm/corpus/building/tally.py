"""What passes each step of a build, what is rejected there and why: counted as it flows by.

Counts of parts add up to those of the whole, whichever worker made them.
"""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection

__all__ = ["EXAMPLES", "Meter", "Rejects", "size"]

EXAMPLES = 3  # of each rule, in a report
EXCERPT = 240  # characters


def size(text: str) -> int:
    """Bytes of a text in UTF-8.

    Examples
    --------
    >>> size("naïve")
    6
    """
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


@dataclass
class Meter:
    """Counts the documents that pass one point.

    Attributes
    ----------
    documents, bytes : int
    seconds, cpu_seconds : float
        That it took to get them from all that stands before this point, and how many of these
        the processor worked for it.
    lengths : Counter
        Of documents, by the number of binary digits of their size: 11 is 1024 to 2047 bytes.
    """

    documents: int = 0
    bytes: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    lengths: Counter[int] = field(default_factory=Counter)

    def add(self, n_bytes: int, times: int = 1) -> None:
        """Count a document of this size."""
        self.documents += times
        self.bytes += n_bytes * times
        self.lengths[n_bytes.bit_length()] += times

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The same documents."""
        iterator = iter(documents)
        while True:
            started, worked = time.perf_counter(), time.process_time()
            document = next(iterator, None)
            self.seconds += time.perf_counter() - started
            self.cpu_seconds += time.process_time() - worked
            if document is None:
                return
            self.add(size(document.text))
            yield document

    def merge(self, other: dict[str, Any]) -> None:
        """Add what `to_dict` of another gave."""
        self.documents += other["documents"]
        self.bytes += other["bytes"]
        self.seconds += other["seconds"]
        self.cpu_seconds += other["cpu_seconds"]
        for digits, n in other["lengths"].items():
            self.lengths[int(digits)] += n

    def to_dict(self) -> dict[str, Any]:
        """In JSON's types."""
        lengths = {str(digits): self.lengths[digits] for digits in sorted(self.lengths)}
        times = {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        return {"documents": self.documents, "bytes": self.bytes, **times, "lengths": lengths}


class Rejects:
    """Takes rejections: writes them to ``PATH`` as gzipped JSON lines, and counts by rule.

    The file is made when there is one to write. Its bytes depend on the rejections alone.

    Attributes
    ----------
    rules : dict
        Rule -> {"documents", "bytes", "examples"}.
    """

    def __init__(self, path: Path) -> None:
        self.rules: dict[str, dict[str, Any]] = {}
        self._path = path
        self._raw: BinaryIO | None = None
        self._file: gzip.GzipFile | None = None

    def __call__(self, rejection: Rejection) -> None:
        record = rejection.to_dict()
        found = self.rules.setdefault(rejection.rule, {"documents": 0, "bytes": 0, "examples": []})
        found["documents"] += 1
        found["bytes"] += size(rejection.document.text)
        if len(found["examples"]) < EXAMPLES:
            excerpt = {key: record[key] for key in ("id", "source", "figure", "limit")}
            found["examples"].append({**excerpt, "text": rejection.document.text[:EXCERPT]})
        if self._file is None:
            self._raw = open(self._path, "wb")  # noqa: SIM115
            # Neither a name nor a time in its head: equal content, equal bytes.
            self._file = gzip.GzipFile("", "wb", 3, self._raw, mtime=0)
        line = json.dumps(record, ensure_ascii=False, default=str) + "\n"
        self._file.write(line.encode("utf-8", "surrogatepass"))

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            self._file.close()
            cast(BinaryIO, self._raw).close()

    def __enter__(self) -> Rejects:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def merge_rules(into: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]) -> None:
    """Add the `rules` of a further part; the first examples stay."""
    for rule, counts in other.items():
        found = into.setdefault(rule, {"documents": 0, "bytes": 0, "examples": []})
        found["documents"] += counts["documents"]
        found["bytes"] += counts["bytes"]
        found["examples"] += counts["examples"][: EXAMPLES - len(found["examples"])]
