r"""Cloze from held-out text: the last word of a paragraph, given all that stands before it.

    Through hard work, he supported himself and his ...

A paragraph's last word is where most of what it says is known. The context is the document up
to that word (its last `CONTEXT` characters), the continuation a space and the word, without
the full stop behind it. Taken are paragraphs of at least `WORDS` words that end in a word of
at least `LETTERS` letters, on the same line as the word before it.

The text must be text that the model has not been trained on, so the items are not a file:
they are made of the validation documents of the run.

Source: Paperno et al., "The LAMBADA dataset: Word prediction requiring a broad discourse
context" (2016), whose passages were also chosen by people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from minilm.evaluation.items import Item

__all__ = ["items"]

WORDS = 8
LETTERS = 3
CONTEXT = 2000

_END = re.compile(rf"(?<=\S) ([^\W\d_]{{{LETTERS},}})[.!?:;]?\s*$")
_BREAK = re.compile(r"\n[ \t]*\n")


def items(texts: Iterable[str]) -> list[Item]:
    r"""One item for each paragraph that will do, in the order of the texts.

    Examples
    --------
    >>> paragraph = "All day long he worked in the fields to feed himself and his family."
    >>> (item,) = items([f"A short one.\n\n{paragraph}\n\nAnother short one.\n"])
    >>> item.context[-22:], item.continuations
    ('o feed himself and his', (' family',))
    """
    found = []
    for number, text in enumerate(texts):
        start = 0
        for end in [*(match.start() for match in _BREAK.finditer(text)), len(text)]:
            paragraph = text[start:end]
            match = _END.search(paragraph)
            if match and len(paragraph.split()) >= WORDS:
                at = start + match.start()
                context = text[max(0, at - CONTEXT) : at]
                where = f"document {number + 1}, character {at}"
                found.append(Item(where, context, (f" {match[1]}",), 0, str(number)))
            start = end
    return found
