"""Labelled texts for a fine-tuning: read, checked against each other, split and encoded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minilm import rng
from minilm.errors import MinilmError, did_you_mean
from minilm.evaluation import modules, packages, prepositions
from minilm.evaluation.labelled import Example, read, split
from minilm.evaluation.modules import Task
from minilm.evaluation.text_classifier import cut_note, encoded
from minilm.objectives.classification import Labelled
from minilm.tokenizers import Tokenizer

__all__ = ["TASKS", "Texts", "few", "gather", "numbered", "parted", "task"]

TASKS: dict[str, Callable[[], Task]] = {
    packages.NAME: lambda: Task(*split(packages.examples())),
    modules.NAME: modules.python_modules,
    prepositions.NAME: prepositions.python_prepositions,
}
MOST_LABELS = 10_000


@dataclass(frozen=True)
class Texts:
    """The three parts; `test` may be empty.

    Attributes
    ----------
    labels : tuple of str
        Sorted; those of the training part.
    notes : list of str
        What a person should know of them.
    """

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    labels: tuple[str, ...]
    notes: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """SHA-256 over the texts and labels of all parts."""
        sha = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            for string in (s for example in part for s in (example.text, example.label)):
                data = string.encode("utf-8", "surrogatepass")
                sha.update(len(data).to_bytes(8, "little"))
                sha.update(data)
            sha.update(b"\xff")
        return sha.hexdigest()


def task(name: str) -> Task:
    """The texts of an embedded task, of `TASKS`; or of a file, with none held out.

    Raises
    ------
    MinilmError
        If there is neither, or a line is at fault.
    """
    if name in TASKS:
        return TASKS[name]()
    if not Path(name).exists() and not name.endswith((".jsonl", ".json")):
        raise MinilmError(f"no task or file {name!r}{did_you_mean(name, TASKS)}")
    return Task(read(name), [])


def parted(
    name: str, examples: Sequence[Example], share: float = 0.3, seed: int = 0
) -> tuple[list[Example], list[Example]]:
    """`minilm.evaluation.labelled.split`, whose errors name the file or task."""
    try:
        return split(examples, share, seed)
    except MinilmError as error:
        raise MinilmError(f"{name}: {error}") from None


def gather(
    data: str,
    *,
    validation: str | None = None,
    test: str | None = None,
    share: float = 0.2,
    per_label: int | None = None,
    seed: int = 0,
) -> Texts:
    """The parts of a labelled data set.

    Parameters
    ----------
    data : str
        A file of JSON lines, or the name of an embedded task, of `TASKS`.
    validation, test : str, optional
        Files. Without the first, a `share` of each label's training texts is set aside.
    per_label : int, optional
        Take so many texts of each label only; those set aside are among them.

    Raises
    ------
    MinilmError
        For a file or line at fault, a single label, or a label that training has no text of.
    """
    train, embedded_test = task(data)
    held_out = read(test) if test else embedded_test
    if per_label:
        train = few(train, per_label, seed)
    labels = _labels(train, data)
    if validation:
        learned, judged = train, read(validation)
    else:
        learned, judged = parted(data, train, share, seed)
    for part in (judged, held_out):
        _check_known(part, labels)
    notes = _notes(learned, held_out, labels)
    return Texts(learned, judged, held_out, labels, notes)


def _labels(train: Sequence[Example], data: str) -> tuple[str, ...]:
    labels = sorted({example.label for example in train})
    if len(labels) < 2:
        raise MinilmError(
            f"all {len(train)} texts of {data} have the label {labels[0]!r}: "
            "there is nothing to tell apart; add texts with another label"
        )
    if len(labels) > MOST_LABELS:
        raise MinilmError(
            f"{data} has {len(labels):,} different labels, at most {MOST_LABELS:,} are possible; "
            'is "label" the right key?'
        )
    return tuple(labels)


def _check_known(part: Sequence[Example], labels: Sequence[str]) -> None:
    known = set(labels)
    for example in part:
        if example.label not in known:
            raise MinilmError(
                f"{example.document}: no training text has the label {example.label!r}; "
                "add some to --data, or leave the line out"
            )


def _notes(
    learned: Sequence[Example], held_out: Sequence[Example], labels: Sequence[str]
) -> list[str]:
    notes = []
    seen = {example.text for example in learned}
    n_repeated = sum(example.text in seen for example in held_out)
    if n_repeated:
        notes.append(
            f"{n_repeated} of {len(held_out)} test texts are training texts too: "
            "the figures flatter"
        )
    untested = [label for label in labels if label not in {e.label for e in held_out}]
    if held_out and untested:
        notes.append(f"no test text has the label {', '.join(map(repr, untested[:5]))}")
    return notes


def few(examples: Sequence[Example], per_label: int, seed: int) -> list[Example]:
    """At most so many texts of each label, drawn without replacement, in their order.

    Examples
    --------
    >>> both = [Example(f"text {i}", "ab"[i % 2], "") for i in range(20)]
    >>> sorted(example.label for example in few(both, 2, seed=0))
    ['a', 'a', 'b', 'b']
    """
    chosen: set[int] = set()
    for label in {example.label for example in examples}:
        own = [i for i, example in enumerate(examples) if example.label == label]
        order = rng.generator(seed, 0, f"few labels/{label}").permutation(len(own))
        chosen.update(own[i] for i in order[:per_label])
    return [examples[i] for i in sorted(chosen)]


def numbered(
    part: Sequence[Example], labels: Sequence[str], tokenizer: Tokenizer, block_size: int
) -> tuple[Labelled, list[str]]:
    """Ids and label numbers of a part, and a remark if texts were cut."""
    number = {label: i for i, label in enumerate(labels)}
    places = [example.document for example in part]
    texts = [example.text for example in part]
    sequences, n_cut = encoded(tokenizer, texts, block_size, places)
    notes = [cut_note(n_cut, len(part), block_size)] if n_cut else []
    return Labelled(sequences, np.array([number[e.label] for e in part], np.int64)), notes
