"""An embedded task with labels: which preposition comes next?

    "Return the number of items that were taken"   ->   from

A text is the beginning of a paragraph of a docstring, up to a preposition; the label is that
preposition. Those to learn from are in the corpus `minilm.corpus.docstrings`, those to be
judged on are held out from it. Choosing the right preposition takes the order of the words
before it, so that counts of words say little; a model that was pretrained to guess words has
had practice, and that is the point: the few labels have only to tell it what is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from minilm.corpus.docstrings import documents, held_out, uniform
from minilm.corpus.documents import Document
from minilm.errors import MinilmError
from minilm.evaluation.labelled import Example
from minilm.evaluation.modules import Task

__all__ = ["NAME", "WORDS", "beginnings", "python_prepositions"]

NAME = "python-prepositions"
WORDS = ("of", "in", "for", "to", "with", "from", "by", "on", "as", "at", "into")
SHORTEST, LONGEST = 40, 200  # characters
ENOUGH, MOST = 100, 60  # training texts of a word at least, test texts at most
_PREPOSITION = re.compile(rf"(?<=\w )({'|'.join(WORDS)})(?= )")


def python_prepositions() -> Task:
    """The prepositions that have enough texts; Python 3.11 has nine such.

    Raises
    ------
    MinilmError
        If this Python was installed without its sources, or without their docstrings.
    """
    everything = documents()
    train = beginnings([d for d in everything if not held_out(d)])
    known = {example.text for example in train}
    n_train = Counter(example.label for example in train)
    labels = {label for label, n in n_train.items() if n >= ENOUGH}
    if len(labels) < 2:
        raise MinilmError(
            f"{NAME}: the sources of this Python have too few docstrings; "
            "give labelled texts of your own with --data FILE.jsonl"
        )
    test, counted = [], Counter[str]()
    found = beginnings([d for d in everything if held_out(d)])
    for example in sorted(found, key=lambda e: uniform(e.text)):
        if example.label in labels and example.text not in known:
            counted[example.label] += 1
            if counted[example.label] <= MOST:
                test.append(example)
    return Task([example for example in train if example.label in labels], test)


def beginnings(docstrings: Sequence[Document]) -> list[Example]:
    """One text of each paragraph: its words up to one of its prepositions, the last 200
    characters of them. Which preposition is drawn by a hash.

    Examples
    --------
    >>> text = "The numbers that have not been taken yet from the list."
    >>> example = beginnings([Document("a.py:f", text, "")])[0]
    >>> example.text, example.label
    ('The numbers that have not been taken yet', 'from')
    """
    found: dict[str, Example] = {}
    for document in docstrings:
        for paragraph in re.split(r"\n\s*\n", document.text):
            text = " ".join(paragraph.split())
            places = [m for m in _PREPOSITION.finditer(text) if m.start() > SHORTEST]
            if places:
                place = places[int(uniform(text) * len(places))]
                before = text[: place.start() - 1][-LONGEST:]
                found.setdefault(before, Example(before, place[1], document.id))
    return list(found.values())
