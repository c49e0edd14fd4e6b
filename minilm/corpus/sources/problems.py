"""What could not be read: counted, and raised where the recipe says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from minilm.errors import MinilmError

__all__ = ["EXAMPLES", "KINDS", "Errors", "Mark", "Report"]

Report = Callable[[str, str], None]  # a kind of `KINDS`, and a message with the place

KINDS = {
    "encoding": "bytes or escapes that are no text",
    "json": "lines that are no JSON object",
    "key": "records without a text, or without the id that was asked for",
    "compression": "gzip or zstd members that are cut or broken",
    "changed": "files that vanished, or whose size changed after they were listed",
    "unreadable": "files that the system does not let us read",
    "size": "documents larger than max_document_bytes that cannot be cut",
    "format": "Parquet files and HTML pages that cannot be parsed",
    "empty": "documents without text, which are left out; never a reason to stop",
}
EXAMPLES = 5


class Mark(Enum):
    """Stands between the blocks of a file; what it says has been reported."""

    LOST = "bytes are missing here"
    DOUBTFUL = "the bytes from here to LOST may be wrong"


@dataclass
class Errors:
    """How many documents or files had which problem, with the first few messages of each.

    Attributes
    ----------
    counts : Counter
        A kind of `KINDS` -> how often.
    examples : dict
        A kind -> at most `EXAMPLES` messages, each with file and line or byte.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def found(self, kind: str, message: str, on_error: str) -> None:
        """Count one problem; with "stop", raise it.

        Examples
        --------
        >>> errors = Errors()
        >>> errors.found("json", "a.jsonl:3: not JSON", "skip")
        >>> errors.to_dict()
        {'counts': {'json': 1}, 'examples': {'json': ['a.jsonl:3: not JSON']}}
        """
        if on_error == "stop" and kind != "empty":
            raise MinilmError(f'{message}; mend it, or leave it out with on_error = "skip"')
        self.counts[kind] += 1
        kept = self.examples.setdefault(kind, [])
        if len(kept) < EXAMPLES:
            kept.append(message)

    def merge(self, other: Errors) -> None:
        """Add what another part of the source found."""
        self.counts.update(other.counts)
        for kind, messages in other.examples.items():
            kept = self.examples.setdefault(kind, [])
            kept += messages[: EXAMPLES - len(kept)]

    def to_dict(self) -> dict[str, Any]:
        """For a report; kinds in the order of `KINDS`."""
        kinds = [kind for kind in KINDS if self.counts[kind]]
        return {
            "counts": {kind: self.counts[kind] for kind in kinds},
            "examples": {kind: list(self.examples.get(kind, [])) for kind in kinds},
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Errors:
        """What `to_dict` gave."""
        examples = {kind: list(messages) for kind, messages in record["examples"].items()}
        return cls(Counter(record["counts"]), examples)
