"""An embedded task with labels: which module of the standard library is this passage from?

A passage is a paragraph of a docstring. Those to learn from are in the corpus
`minilm.corpus.docstrings`, those to be judged on are held out from it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from minilm.corpus.docstrings import documents, held_out, uniform
from minilm.corpus.documents import Document
from minilm.errors import MinilmError
from minilm.evaluation.labelled import Example

__all__ = ["NAME", "Task", "passages", "python_modules"]

NAME = "python-modules"
CLASSES = 10
SHORTEST, LONGEST = 60, 300  # characters of a passage
FEWEST, MOST = 25, 100  # test passages of a class


class Task(NamedTuple):
    """Texts with labels: to learn from, and to be judged on."""

    train: list[Example]
    test: list[Example]


def python_modules() -> Task:
    """The ten modules or packages with the most passages.

    Raises
    ------
    MinilmError
        If this Python was installed without its sources, or without their docstrings.
    """
    everything = documents()
    train = passages([d for d in everything if not held_out(d)])
    known = {example.text for example in train}
    test = [e for e in passages([d for d in everything if held_out(d)]) if e.text not in known]
    n_train, n_test = (Counter(e.label for e in side) for side in (train, test))
    enough = [label for label, _ in n_train.most_common() if n_test[label] >= FEWEST]
    labels = set(enough[:CLASSES])
    if len(labels) < 2:
        raise MinilmError(
            f"{NAME}: the sources of this Python have too few docstrings; "
            "give labelled texts of your own with --data FILE.jsonl"
        )
    counted: Counter[str] = Counter()
    kept = []
    for example in sorted(test, key=lambda e: uniform(e.text)):
        counted[example.label] += 1
        if example.label in labels and counted[example.label] <= MOST:
            kept.append(example)
    return Task([e for e in train if e.label in labels], kept)


def passages(docstrings: Sequence[Document]) -> list[Example]:
    r"""The paragraphs of 60 to 300 characters, each at its first occurrence, with their modules.

    White space becomes single blanks. A paragraph that names its own module is left out.

    Examples
    --------
    >>> text = "Encode a value.\n\n" + "The value is looked at from all its sides in turn. " * 2
    >>> [(e.text[:15], e.label) for e in passages([Document("json/encoder.py:f", text, "")])]
    [('The value is lo', 'json')]
    """
    found: dict[str, Example] = {}
    for document in docstrings:
        label = re.split(r"/|\.py", document.id)[0]
        for paragraph in re.split(r"\n\s*\n", document.text):
            text = " ".join(paragraph.split())
            if SHORTEST <= len(text) <= LONGEST and label.lower() not in text.lower():
                found.setdefault(text, Example(text, label, document.id))
    return list(found.values())
