"""Limits, and the rejection that says which of them a figure broke."""

from __future__ import annotations

from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection

__all__ = ["Range", "above", "outside"]

Range = tuple[float, float]


def above(document: Document, rule: str, figure: float, limit: float) -> Rejection | None:
    """A rejection if the figure is larger than the limit."""
    return Rejection(document, rule, figure, limit) if figure > limit else None


def outside(document: Document, rule: str, figure: float, limits: Range) -> Rejection | None:
    """A rejection if the figure is less than the first limit or more than the second.

    Examples
    --------
    >>> outside(Document("a", "Hi", "here"), "words", 1, (50, 100_000)).limit
    50
    """
    if figure < limits[0]:
        return Rejection(document, rule, figure, limits[0])
    return above(document, rule, figure, limits[1])
