"""The first stage, part by part: read, clean, filter, decontaminate.

A part is one pipeline of generators; nothing but one document at a time is in memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from minilm.corpus import cleaning, filters, sources
from minilm.corpus.building import similarity, store
from minilm.corpus.building.settings import BuildConfig
from minilm.corpus.building.tally import Meter, Rejects
from minilm.corpus.building.work import output
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection, Rule, apply
from minilm.corpus.sources import Errors, Part

__all__ = ["COUNTS", "STEPS", "FilterTask", "check_rules", "filter_part"]

COUNTS = "counts.json"
STEPS = ("cleaning", "filters", "decontamination")


@dataclass(frozen=True)
class FilterTask:
    """One part to read.

    Attributes
    ----------
    stage : path
        The stage's folder.
    number : int
        Of the part, among those of all sources.
    part : Part
    config : BuildConfig
    index : path
        Folder of the runs of words that contaminate.
    """

    stage: Path
    number: int
    part: Part
    config: BuildConfig
    index: Path


def filter_part(task: FilterTask) -> None:
    """Write the documents of a part that stay, those that do not, and how many of each."""
    errors = Errors()
    meters = {name: Meter() for name in ("read", *STEPS)}
    with output(task.stage, task.number) as folder, contextlib.ExitStack() as files:
        rejects = {
            name: files.enter_context(Rejects(folder / f"rejected-{name}.jsonl.gz"))
            for name in STEPS
        }
        read = sources.read(task.part, errors=errors)
        documents = meters["read"].watch(_of_source(read, task.part.source.name, errors))
        for name, rules in _steps(task).items():
            documents = meters[name].watch(apply(rules, documents, rejects[name]))
        store.write(folder, documents)
        counts = {
            "source": task.part.source.name,
            "input_bytes": task.part.n_bytes,
            "steps": {name: meter.to_dict() for name, meter in meters.items()},
            "rules": {name: found.rules for name, found in rejects.items()},
            "errors": errors.to_dict(),
        }
        (folder / COUNTS).write_text(json.dumps(counts), encoding="utf-8")


def _of_source(documents: Iterator[Document], name: str, errors: Errors) -> Iterator[Document]:
    """Named by the source's name, and with text that has UTF-8.

    JSON can spell half of a surrogate pair, which no tokenizer takes.
    """
    for document in documents:
        text = document.text
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                where = f"{name}/{document.id}: character {error.start} is half a surrogate pair"
                errors.found("encoding", f"{where}; it becomes U+FFFD", "replace")
                text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        if text is not document.text or document.source != name:
            document = dataclasses.replace(document, text=text, source=name)
        yield document


def _steps(task: FilterTask) -> dict[str, Sequence[Rule]]:
    """The rules of each step, in order; built once in a process, which has one recipe."""
    config = task.config
    key = (repr(config.cleaning), repr(config.filters), str(task.index))
    if key not in _BUILT:
        _BUILT.clear()
        _BUILT[key] = {
            "cleaning": [*cleaning.build(config.cleaning), not_empty],
            "filters": [*filters.build(config.filters), not_empty],
            "decontamination": similarity.contamination_rules(config.decontamination, task.index),
        }
    return _BUILT[key]


_BUILT: dict[tuple[str, str, str], dict[str, Sequence[Rule]]] = {}


def check_rules(config: BuildConfig) -> None:
    """Build the rules once, so that a mistake in the recipe shows before anything is read."""
    cleaning.build(config.cleaning)
    filters.build(config.filters)


def not_empty(document: Document) -> Document | Rejection:
    """Drop a document that the rules before have left without text."""
    if document.text.strip():
        return document
    return Rejection(document, "empty.characters", 0, 1)
