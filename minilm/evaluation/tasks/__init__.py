"""The embedded tasks: small files of questions, written for this project.

    agreement    The keys to the cabinet ... is / are
    arithmetic   sums and differences of small numbers
    brackets     how open brackets are closed
    copying      a random word written once more, after two examples
    induction    what came next when this letter was here before
    sense        the word that a sentence of everyday life ends with

They are files of JSON lines beside this one, in the format of `minilm.evaluation.items`;
`minilm.evaluation.tasks.writing` writes them, from a seed.
"""

from __future__ import annotations

from pathlib import Path

from minilm.errors import MinilmError, did_you_mean
from minilm.evaluation.items import Item, read

__all__ = ["NAMES", "load"]

NAMES = ("agreement", "arithmetic", "brackets", "copying", "induction", "sense")


def load(name: str) -> list[Item]:
    """The items of an embedded task.

    Raises
    ------
    MinilmError
        If there is none of this name.

    Examples
    --------
    >>> item = load("brackets")[0]
    >>> len(item.continuations)
    4
    """
    if name not in NAMES:
        raise MinilmError(f"no task {name!r}{did_you_mean(name, NAMES)}")
    return read(Path(__file__).parent / f"{name}.jsonl")
