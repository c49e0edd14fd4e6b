"""Documents in: where text comes from, how it is split, and how it becomes token ids."""

from __future__ import annotations

import difflib
import os

from minilm.corpus import docstrings, embedded, files
from minilm.corpus.documents import Document, digest
from minilm.corpus.split import by_document, by_position, split
from minilm.corpus.tokens import TokenStream, encode
from minilm.errors import MinilmError, did_you_mean

__all__ = [
    "Document",
    "TokenStream",
    "by_document",
    "by_position",
    "digest",
    "encode",
    "load",
    "split",
]


def load(source: str) -> list[Document]:
    """The documents of an embedded corpus ("python-docs"), or of a file or folder.

    A name of an embedded corpus goes before a file of that name, which "./" in front selects.
    """
    names = {**embedded.NAMES, docstrings.NAME: docstrings.python_docstrings}
    if source in names:
        return names[source]()
    near = difflib.get_close_matches(source, names)
    if near and not os.path.lexists(source):
        raise MinilmError(f"no corpus or file {source!r}{did_you_mean(source, near)}")
    return files.read(source)
