"""Writes the embedded tasks: ``python -m minilm.evaluation.tasks.writing FOLDER``.

Each is drawn from a seed, so the files are the same wherever they are written, and a test
compares them with those that the package has. In every task each answer is as often right as
any other, so that a model which always takes the first, or the word it likes best, is at
chance.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from minilm import rng
from minilm.evaluation.tasks.sentences import NOUNS, PLACES, SENSE, VERBS

__all__ = ["WRITERS", "write"]

SEED = 20
ITEMS = 120
LETTERS = "abcdefghijklmnopqrstuvwxyz"

Record = dict[str, Any]
T = TypeVar("T")


class Draw:
    """Random choices of one task. By hashes, since NumPy's may differ between its versions."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def below(self, n: int) -> int:
        """A number from 0 to n - 1."""
        self._count += 1
        return rng.key(SEED, self._count, self._name) % n

    def one(self, items: Sequence[T]) -> T:
        """One of them."""
        return items[self.below(len(items))]

    def several(self, items: Sequence[T], n: int) -> list[T]:
        """`n` of them at different places, in random order."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(n)]


def write(folder: Path) -> None:
    """Write every task as FOLDER/NAME.jsonl."""
    for name, writer in WRITERS.items():
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in writer(Draw(name))]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")


def _placed(draw: Draw, context: str, right: str, wrong: list[str], place: int) -> Record:
    """A record whose right continuation stands at `place`, the wrong ones in random order."""
    others = draw.several(wrong, len(wrong))
    return {
        "context": context,
        "continuations": [*others[:place], right, *others[place:]],
        "answer": place,
    }


def agreement(draw: Draw) -> list[Record]:
    """A verb must agree with its subject, and not with the noun that stands between them.

    Subject and attractor are singular or plural, each combination once for each pair of nouns.
    """
    records = []
    for i in range(ITEMS // 4):
        subject, attractor = draw.several(NOUNS, 2)
        place, verb = draw.one(PLACES), draw.one(VERBS)
        for number in (0, 1):
            for other in (0, 1):
                record = {
                    "context": f"The {subject[number]} {place} the {attractor[other]}",
                    "continuations": [f" {verb[0]}", f" {verb[1]}"],
                    "answer": number,
                    "document": f"pair {i}",
                }
                records.append(record)
    return records


def arithmetic(draw: Draw) -> list[Record]:
    """Sums and differences of numbers up to 20, after two that are solved."""
    records = []
    for i in range(ITEMS):
        problems: list[tuple[str, int]] = []
        while len(problems) < 3:
            problem = _problem(draw, "+-"[i % 2])
            if problem not in problems:
                problems.append(problem)
        solved = "".join(f"{question} {answer}\n" for question, answer in problems[:2])
        question, answer = problems[2]
        near = [n for n in range(answer - 3, answer + 4) if n >= 0 and n != answer]
        wrong = [f" {n}" for n in draw.several(near, 3)]
        records.append(_placed(draw, solved + question, f" {answer}", wrong, i // 2 % 4))
    return records


def _problem(draw: Draw, sign: str) -> tuple[str, int]:
    a, b = 1 + draw.below(10), 1 + draw.below(10)
    if sign == "+":
        return f"{a} + {b} =", a + b
    return f"{a + b} - {b} =", a


def brackets(draw: Draw) -> list[Record]:
    """Three or four brackets are open, not all alike; they close in the reverse order."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    records: list[Record] = []
    while len(records) < ITEMS:
        n = 3 + draw.below(2)
        opened = [draw.one(tuple(pairs)) for _ in range(n)]
        context = "f" + "".join(f"{bracket}{draw.one('abcxyz')}, " for bracket in opened)
        right = "".join(pairs[bracket] for bracket in reversed(opened))
        wrong: list[str] = []
        while len(wrong) < 3:
            other = "".join(draw.one(tuple(pairs.values())) for _ in range(n))
            if other not in (right, *wrong):
                wrong.append(other)
        if len(set(opened)) > 1:
            place = len(records) % 4
            records.append(_placed(draw, context + draw.one("abcxyz"), right, wrong, place))
    return records


def copying(draw: Draw) -> list[Record]:
    """A random word, to be written again; the wrong ones have the same letters rearranged."""
    records = []
    for i in range(ITEMS):
        words = ["".join(draw.several(LETTERS, 5)) for _ in range(3)]
        solved = "".join(f"{word} = {word}\n" for word in words[:2])
        wrong: list[str] = []
        while len(wrong) < 3:
            other = "".join(draw.several(words[2], 5))
            if other not in (words[2], *wrong):
                wrong.append(other)
        choices = [f" {word}" for word in wrong]
        records.append(_placed(draw, f"{solved}{words[2]} =", f" {words[2]}", choices, i % 4))
    return records


def induction(draw: Draw) -> list[Record]:
    """A row of random letters, begun a second time; the choices are all in the row."""
    records = []
    for i in range(ITEMS):
        row = draw.several(LETTERS, 10)
        at = 4 + draw.below(5)
        others = [letter for letter in row if letter not in row[at - 1 : at + 1]]
        wrong = [f" {letter}" for letter in draw.several(others, 3)]
        context = f"{' '.join(row)} {' '.join(row[:at])}"
        records.append(_placed(draw, context, f" {row[at]}", wrong, i % 4))
    return records


def sense(draw: Draw) -> list[Record]:
    """Sentences written by hand; the first of their endings is the right one."""
    return [
        _placed(draw, context, f" {right}", [f" {word}" for word in wrong], i % 4)
        for i, (context, right, *wrong) in enumerate(SENSE)
    ]


WRITERS: dict[str, Callable[[Draw], list[Record]]] = {
    "agreement": agreement,
    "arithmetic": arithmetic,
    "brackets": brackets,
    "copying": copying,
    "induction": induction,
    "sense": sense,
}

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the folder to write to")
    write(Path(sys.argv[1]))
