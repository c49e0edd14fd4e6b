"""Corpora that every CPython carries, so that a first run needs no download."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping

from minilm.corpus.documents import Document
from minilm.errors import MinilmError

__all__ = ["NAMES", "python_docs", "without_repeats"]


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


NAMES: dict[str, Callable[[], list[Document]]] = {"python-docs": python_docs}
