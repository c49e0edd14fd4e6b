"""The docstrings of the standard library, as one text: what its modules do, in English.

A quarter of them, chosen by a hash, is held out: `minilm.evaluation.modules` makes a labelled
task of all, and a model that was pretrained on this corpus has not seen the texts of its test.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections.abc import Iterator

from minilm.corpus.documents import Document
from minilm.corpus.embedded import python_code

__all__ = ["NAME", "documents", "held_out", "python_docstrings", "uniform"]

NAME = "python-docstrings"
HELD_OUT = 0.25
_LEFT_OUT = re.compile(r"(^|/)(test|tests|idle_test|lib2to3/pgen2)/|(^|/)test_")
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def python_docstrings() -> list[Document]:
    """The docstrings that are not held out, in the order of the sources: one document each.

    Python 3.11 has 6302 of them, 1.3 MB.

    Raises
    ------
    MinilmError
        If this Python was installed without its sources.
    """
    return [document for document in documents() if not held_out(document)]


def documents() -> list[Document]:
    """Every docstring of the standard library without its tests, in the order of the sources.

    The id of a document is the file and the name of what is described, such as
    ``json/encoder.py:JSONEncoder.encode``.
    """
    return [
        Document(name, text, NAME)
        for file in python_code()
        if not _LEFT_OUT.search(file.id)
        for name, text in _docstrings(file)
    ]


def _docstrings(file: Document) -> Iterator[tuple[str, str]]:
    try:
        with warnings.catch_warnings():  # about escapes, which are not ours to mend
            warnings.simplefilter("ignore")
            tree = ast.parse(file.text)
    except (SyntaxError, ValueError, RecursionError):
        return
    yield from _below(tree, file.id)


def _below(node: ast.Module | ast.stmt, name: str) -> Iterator[tuple[str, str]]:
    assert isinstance(node, (ast.Module, *_DEFINITIONS))
    text = ast.get_docstring(node)
    if text and not text.isspace():
        yield name, text
    for inner in node.body:
        if isinstance(inner, _DEFINITIONS):
            between = ":" if isinstance(node, ast.Module) else "."
            yield from _below(inner, f"{name}{between}{inner.name}")


def held_out(document: Document) -> bool:
    """Whether a docstring is kept for the test; a hash of its id says so."""
    return uniform(document.id) < HELD_OUT


def uniform(text: str) -> float:
    """A number in [0, 1) that hangs on the text alone: a draw that is the same everywhere."""
    data = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return int.from_bytes(data, "little") / 2**48
