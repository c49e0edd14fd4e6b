"""What a run tells whoever watches it.

Everything is a record: a flat dict with a ``kind``. The run folder's ``metrics.jsonl``
and the display receive the same ones; ``docs/runs.md`` lists kinds and keys.
"""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Reporter", "Silent"]


class Reporter(Protocol):
    """Receives a run's records and its remarks."""

    def record(self, record: dict[str, Any]) -> None:
        """A record, in the order in which things happen."""
        ...

    def note(self, text: str) -> None:
        """One line that a person should read, such as a checkpoint that was refused."""
        ...


class Silent:
    """A reporter for those who do not watch."""

    def record(self, record: dict[str, Any]) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
