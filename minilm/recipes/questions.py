"""Tasks by name or file, answered by a model and by n-grams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from minilm.errors import MinilmError, did_you_mean
from minilm.evaluation import cloze, tasks
from minilm.evaluation.items import Item, read
from minilm.evaluation.multiple_choice import TaskResult, requests, result
from minilm.evaluation.ngram import WittenBell
from minilm.evaluation.scoring import Request, TokenScores, score
from minilm.evaluation.statistics import Estimate
from minilm.models.model import Model
from minilm.tokenizers import Tokenizer

__all__ = ["ALL", "CLOZE", "NAMES", "Answered", "Task", "answer", "load"]

CLOZE = "cloze"
NAMES = (*tasks.NAMES, CLOZE)
ALL = "all"


@dataclass(frozen=True)
class Task:
    """The items of a task, and the requests of each."""

    name: str
    items: list[Item]
    requests: list[list[Request]]

    @property
    def n_tokens(self) -> int:
        """How many tokens the model has to read for it."""
        return sum(len(request.ids) for some in self.requests for request in some)


@dataclass(frozen=True)
class Answered:
    """What a model reached on a task, and what n-grams of the same training text reach.

    Attributes
    ----------
    result : TaskResult
    ngram : Estimate or None
        Accuracy of the n-gram model by sums; None for cloze, or where there is none.
    """

    result: TaskResult
    ngram: Estimate | None


def load(
    words: str, texts: Callable[[], list[str]], tokenizer: Tokenizer
) -> tuple[list[Task], list[str]]:
    """The tasks that `words` names, and remarks on those that were left out.

    Parameters
    ----------
    words : str
        Names and files of JSON lines between commas, or "all" for every embedded task, of
        which those are left out that the tokenizer has no characters for.
    texts : function
        Gives the held-out documents, of which the task "cloze" is made.

    Raises
    ------
    MinilmError
        If there is no such task, or a line of a file is no item.
    """
    found, notes = [], []
    for name in _names(words):
        try:
            items = _items(name, texts)
            found.append(Task(name, items, [requests(item, tokenizer) for item in items]))
        except MinilmError as error:
            if words != ALL:
                raise
            notes.append(f"left out {name}: {error}")
    return found, notes


def _names(words: str) -> list[str]:
    if words == ALL:
        return list(NAMES)
    names = [name.strip() for name in words.split(",") if name.strip()]
    for name in names:
        if name not in NAMES and not _is_file(name):
            hint = did_you_mean(name, (*NAMES, ALL))
            raise MinilmError(f"no task {name!r}{hint}; or give a file, whose name ends in .jsonl")
    return list(dict.fromkeys(names))


def _is_file(name: str) -> bool:
    return name.endswith((".jsonl", ".json"))


def _items(name: str, texts: Callable[[], list[str]]) -> list[Item]:
    if name != CLOZE:
        return read(name) if _is_file(name) else tasks.load(name)
    items = cloze.items(texts())
    if not items:
        raise MinilmError(
            f"the held-out text has no paragraph of {cloze.WORDS} words or more that ends in a word"
        )
    return items


def answer(model: Model, ngram: tuple[WittenBell, int] | None, task: Task) -> Answered:
    """Score the continuations of a task.

    Parameters
    ----------
    ngram : (WittenBell, order), optional
    """
    flat = [request for some in task.requests for request in some]
    answered = result(task.name, task.items, _grouped(score(model, flat), task))
    if ngram is None or task.items[0].is_cloze:
        return Answered(answered, None)
    counted = [_counted(*ngram, request) for request in flat]
    return Answered(answered, result(task.name, task.items, _grouped(counted, task)).accuracy)


def _counted(model: WittenBell, order: int, request: Request) -> TokenScores:
    """The losses by n-grams; ranks, which no multiple choice asks for, are left at 0."""
    nll = -np.log(model.probabilities(request.ids)[order - 1, request.first :])
    return TokenScores(nll, np.zeros(len(nll), np.int64), np.zeros(len(nll)))


def _grouped(scores: Sequence[TokenScores], task: Task) -> list[list[TokenScores]]:
    """The scores of all requests, one after another, as lists of each item's own."""
    rest = iter(scores)
    return [[next(rest) for _ in some] for some in task.requests]
