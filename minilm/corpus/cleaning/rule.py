"""What makes a function of text a rule for documents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection, Rule

__all__ = ["cleaner"]


def cleaner(name: str, clean: Callable[[str], str]) -> Rule:
    """The rule that gives each document the text that `clean` makes of its own.

    A document of which nothing but white space is left is rejected. The rule can be pickled
    if `clean` can.

    Examples
    --------
    >>> rule = cleaner("lower_case", str.lower)
    >>> rule(Document("a", "Tea", "here")).text
    'tea'
    """
    return partial(_cleaned, name=name, clean=clean)


def _cleaned(document: Document, *, name: str, clean: Callable[[str], str]) -> Document | Rejection:
    text = clean(document.text)
    if not text or text.isspace():
        return Rejection(document, f"{name}.characters", 0, 1)
    return document if text == document.text else dataclasses.replace(document, text=text)
