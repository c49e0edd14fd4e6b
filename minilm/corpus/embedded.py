"""Corpora that every CPython carries, so that a first run needs no download."""

from __future__ import annotations

import io
import os
import platform
import sysconfig
import tokenize
from collections.abc import Callable, Mapping

from minilm.corpus.documents import Document
from minilm.errors import MinilmError

__all__ = [
    "NAMES",
    "python_code",
    "python_docs",
    "python_encoding",
    "python_files",
    "python_text",
    "without_repeats",
]

# Installed packages are not the standard library; pydoc_data is the corpus "python-docs".
_LEFT_OUT = frozenset({"__pycache__", "site-packages", "dist-packages", "pydoc_data"})


def python_docs() -> list[Document]:
    """The Python language reference, as `help("for")` prints it: one document a topic.

    It is the dictionary `pydoc_data.topics.topics`, sorted by topic, without its repeated
    paragraphs (`without_repeats`) and without the topics that are then empty. Python 3.11
    has 79 topics of 465 kB; 78 topics of 374 kB remain. Other versions differ a little,
    so a run should record `minilm.corpus.digest` of what it was trained on.

    Raises
    ------
    MinilmError
        If this Python was installed without the module, as some distributions do.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise MinilmError(
            f"this Python {platform.python_version()} was installed without pydoc_data.topics, "
            "the text of the corpus 'python-docs'; give a text of your own with --data FILE"
        ) from error
    return [
        Document(f"topics/{name}", text, "python-docs")
        for name, text in without_repeats(topics).items()
    ]


def without_repeats(topics: Mapping[str, str]) -> dict[str, str]:
    r"""The topics in sorted order, each paragraph kept only where it first occurs.

    Paragraphs are separated by blank lines and are equal when their words are: indentation
    and line breaks do not count. Topics that repeat others entirely are dropped.

    The topic "compound" repeats "for", "if" and "with", word for word, and so do others: a
    fifth of the text. With a repeat in the validation split, the loss there would measure
    memory of the training text.

    Examples
    --------
    >>> without_repeats({"b": "One.\n\nTwo.", "a": "  One.\n\nThree.\n", "c": "Two."})
    {'a': '  One.\n\nThree.\n', 'b': 'Two.'}
    """
    seen: set[str] = set()
    kept: dict[str, str] = {}
    for name in sorted(topics):
        paragraphs = []
        for paragraph in topics[name].split("\n\n"):
            words = " ".join(paragraph.split())
            if words and words not in seen:
                seen.add(words)
                paragraphs.append(paragraph)
        if paragraphs:
            kept[name] = "\n\n".join(paragraphs)
    return kept


def python_code() -> list[Document]:
    """The Python sources of the standard library, with its tests: one document a file.

    Python 3.11 has 1760 of them, 31 MB. Empty files are left out, and so are those that cannot
    be read in the encoding they declare, which is what they test.
    """
    texts = ((name, python_text(path)) for name, path in python_files())
    return [Document(name, text, "python-code") for name, text in texts if text]


def python_files() -> list[tuple[str, str]]:
    """(name, path) of each source of the standard library, sorted by name.

    Raises
    ------
    MinilmError
        If this Python was installed without its sources.
    """
    root = sysconfig.get_path("stdlib")
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for file in files:
            if file.endswith(".py"):
                path = os.path.join(folder, file)
                found.append((os.path.relpath(path, root).replace(os.sep, "/"), path))
    if not found:
        raise MinilmError(
            f"this Python {platform.python_version()} was installed without its sources in "
            f"{root}; give a folder of your own"
        )
    return sorted(found)


def python_encoding(data: bytes) -> str:
    r"""The encoding that Python source declares (PEP 263), or "" where it is not valid.

    Examples
    --------
    >>> python_encoding(b"# -*- coding: latin-1 -*-\nx = 1\n")
    'iso-8859-1'
    >>> python_encoding(b"x = 1\n")
    'utf-8'
    """
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError:
        return ""


def python_text(path: str) -> str:
    """A source file in the encoding that it declares, or "" if that fails or it is blank."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        text = data.decode(python_encoding(data) or "utf-8")
    except (OSError, UnicodeError):
        return ""
    return "" if "\0" in text or text.isspace() else text.removeprefix("\ufeff")


NAMES: dict[str, Callable[[], list[Document]]] = {
    "python-docs": python_docs,
    "python-code": python_code,
}
