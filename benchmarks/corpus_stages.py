"""The other stages beside datatrove: one thread each, the same documents, in one run.

    python -m benchmarks.corpus_stages [--documents N] [--runs N] [--json]

`corpus_filters` has the quality filters. Here are reading JSON lines, repairing mojibake,
dropping exact copies and near ones, all steps of the latter included; and all of these in turn,
with the four filters between, from a file to what is left of it. The texts are generated, with
copies among them, and for the last with spam. A near copy lacks the end of its original, and an
exact one is as long, so that whoever keeps the first of a cluster and whoever keeps the longest
keep the same.

datatrove's filters find words by spaCy; in all stages in turn they are run once like that and once
given our words, which leaves the filters themselves. Its near copies are looked for with words
split at white space, which is faster, and ours as they always are. Before anything is timed the
documents that are kept are compared.
"""

from __future__ import annotations

import os

# One core each, set before the libraries start their threads.
os.environ["NUMBA_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

# isort: split
import argparse
import json
import platform
import random
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import corpus_dirt as dirt
from benchmarks import corpus_peer as peer
from benchmarks.corpus_filters import Peer, line, measure
from benchmarks.corpus_text import Writer
from minilm.corpus import deduplication
from minilm.corpus.cleaning import mojibake
from minilm.corpus.documents import Document
from minilm.corpus.filters import NAMES
from minilm.corpus.pipeline import apply
from minilm.corpus.sources import SourceConfig, documents

Runs = dict[str, Callable[[], list[str]]]  # side -> what gives the ids or texts that are left
Make = Callable[[str, list[Document]], Runs]  # of a folder with JSON lines, and what is in them


def generated(n: int) -> list[Document]:
    """Documents with their copies: of ten, seven are clean, and one of each kind is not."""
    generator = random.Random(0)
    texts: list[str] = []
    for i, text in enumerate(islice(Writer(0).documents(), n)):
        kind = i % 10
        if kind == 7:
            text = texts[-1].replace(", ", "; ")
        elif kind == 8:
            text = " ".join(texts[-2].split(" ")[:-9]) + "."
        elif kind == 9:
            text = dirt.mojibake(dirt.accented(text, generator))
        texts.append(text)
    return [Document(f"d{i}", text, "here") for i, text in enumerate(texts)]


def archive(n: int) -> list[Document]:
    """The same, and spam of each kind between them: one for every five."""
    generator, found = random.Random(1), []
    for i, document in enumerate(generated(n - n // 6)):
        found.append(document)
        if i % 5 == 4:
            kind = list(dirt.SPAM)[i // 5 % len(dirt.SPAM)]
            found.append(Document(f"s{i}", dirt.spam(kind, document.text, generator), "here"))
    return found


def reading(folder: str, given: list[Document]) -> Runs:
    """JSON lines on disk."""
    source = SourceConfig("here", folder)
    return {
        "minilm": lambda: [document.text for document in documents(source)],
        "datatrove": lambda: [document.text for document in peer.read(folder)],
    }


def repairing(folder: str, given: list[Document]) -> Runs:
    """The same package does the work."""
    rule = mojibake()
    return {
        "minilm": lambda: [document.text for document in apply([rule], given)],
        "datatrove": lambda: [d.text for d in peer.repaired(peer.given(given))],
    }


def exact(folder: str, given: list[Document]) -> Runs:
    """Copies with other punctuation."""
    return {
        "minilm": lambda: [d.id for d in deduplication.exact_duplicates(given)],
        "datatrove": lambda: [d.id for d in peer.exact(list(peer.given(given)))],
    }


def near(folder: str, given: list[Document]) -> Runs:
    """Signatures, bands, clusters, and what is left."""
    return {
        "minilm": lambda: [d.id for d in deduplication.near_duplicates(given)],
        "datatrove": lambda: [d.id for d in peer.near(list(peer.given(given)))],
    }


def chain(folder: str, given: list[Document]) -> Runs:
    """From JSON lines to what is left of them: repair, all filters, exact copies, near copies."""
    source, rules = SourceConfig("here", folder), [mojibake(), *(NAMES[name]() for name in NAMES)]

    def own() -> list[str]:
        kept = apply(rules, documents(source))
        return [d.id for d in deduplication.near_duplicates(deduplication.exact_duplicates(kept))]

    def theirs(filters: Peer) -> list[str]:
        kept = filters.run(peer.repaired(peer.read(folder)))
        return [d.id for d in peer.near(peer.exact(kept))]

    runs: Runs = {"minilm": own}
    for title, own_words in (("datatrove", True), ("datatrove, our words", False)):
        runs[title] = partial(theirs, Peer(list(NAMES), own_words))
    return runs


STAGES: dict[str, tuple[Make, Callable[[int], list[Document]]]] = {
    "read": (reading, generated),
    "mojibake": (repairing, generated),
    "exact copies": (exact, generated),
    "near copies": (near, generated),
    "all in turn": (chain, archive),
}


def compare(n: int, runs: int) -> Iterator[dict[str, Any]]:
    """A row for each stage, and one for all of them with the filters."""
    for name, (make, made) in STAGES.items():
        given = made(n)
        with tempfile.TemporaryDirectory() as folder:
            with open(Path(folder) / "a.jsonl", "w", encoding="utf-8") as file:
                for d in given:
                    print(json.dumps({"id": d.id, "text": d.text}, ensure_ascii=False), file=file)
            try:
                peer.quiet()
                sides = make(folder, given)
                own, *others = (set(run()) for run in sides.values())
            except ImportError as error:
                print(f"{name}: {error}")
                continue
            row = measure(name, [d.text for d in given], sides, runs)
            row["kept"] = len(own)
            for side, kept in zip(list(sides)[1:], others, strict=True):
                row[f"differ from {side}"] = len(own ^ kept)
            yield row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus_stages", description=__doc__)
    parser.add_argument("--documents", type=int, default=1000, help="so many (1000)")
    parser.add_argument("--runs", type=int, default=5, help="of each side (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    rows = []
    for row in compare(options.documents, options.runs):
        rows.append(row)
        if not options.json:
            print(line(row), flush=True)
    if options.json:
        about = {"python": platform.python_version(), "cpu": platform.processor()}
        print(json.dumps({"machine": about, "rows": rows}))


if __name__ == "__main__":
    main()
