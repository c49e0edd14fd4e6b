"""Filters and deduplication beside datatrove: one thread each, the same documents, in one run.

    python -m benchmarks.corpus_filters [filters stages] [--documents N] [--runs N] [--json]

The documents are the standard library's: its documentation, sources and docstrings, and spam
made of them. The sides take turns, so that a change of clock or load meets all of them alike;
medians and minima of N runs count, and ratios are of medians.

filters  each quality filter and all of them in turn, against datatrove as it is (words by
         spaCy), and against datatrove given our words, which leaves the filters themselves.
         It also counts the documents on which the decisions differ.
stages   digests, signatures, band keys, clusters and decontamination; signatures against
         datatrove's, whose words are split at white space here, and ours as they always are
"""

from __future__ import annotations

import os

# One core each, set before the libraries start their threads.
os.environ["NUMBA_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

# isort: split
import argparse
import ast
import contextlib
import json
import platform
import pydoc_data.topics
import random
import statistics
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minilm.corpus import deduplication
from minilm.corpus.decontamination import Index, contaminated
from minilm.corpus.documents import Document
from minilm.corpus.filters import NAMES, words
from minilm.corpus.pipeline import Rejection, apply

Sides = dict[str, Callable[[], Any]]


def documents(most: int) -> list[str]:
    """Pages, modules, docstrings, and a piece of spam for every third of them."""
    found = list(pydoc_data.topics.topics.values())
    paths = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [text, *_docstrings(text)]
    generator = random.Random(0)
    found = [text for text in found if len(text) > 200]
    found += [_spam(text, generator) for text in found[::3]]
    generator.shuffle(found)
    return found[:most]


def _docstrings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


def _spam(text: str, generator: random.Random) -> str:
    lines = " ".join(text.split()).replace(". ", ".\n").split("\n")[:40]
    return generator.choice(
        [
            "\n".join(lines + lines[:3] * generator.randint(1, 9)),
            "\n".join("- " + line[:30] for line in lines),
            " ".join([*lines, "BUY NOW!" * generator.randint(1, 40)]),
            "\n".join([*lines, "We use cookies.", "Please enable JavaScript."]),
        ]
    )


def measure(what: str, texts: list[str], sides: Sides, runs: int) -> dict[str, Any]:
    """Seconds of all sides, taken in turns; ratios are of medians, to the first side."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(runs):
        for name, run in sides.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    own = statistics.median(next(iter(times.values())))
    n_bytes = sum(len(text.encode()) for text in texts)
    row: dict[str, Any] = {"what": what, "documents": len(texts), "bytes": n_bytes, "runs": runs}
    for name, values in times.items():
        median = statistics.median(values)
        row[name] = {
            "median_seconds": median,
            "least_seconds": min(values),
            "documents_per_second": len(texts) / median,
            "megabytes_per_second": n_bytes / median / 1e6,
            "ratio": median / own,
        }
    return row


class Peer:
    """datatrove's filters, with its own words or with ours."""

    def __init__(self, names: list[str], own_words: bool) -> None:
        from datatrove.data import Document as PeerDocument
        from datatrove.pipeline import filters as peers
        from datatrove.utils import word_tokenizers

        kinds = {
            "gopher_quality": peers.GopherQualityFilter,
            "gopher_repetition": peers.GopherRepetitionFilter,
            "c4": peers.C4QualityFilter,
            "fineweb": peers.FineWebQualityFilter,
        }
        self._document = PeerDocument
        self._filters = [kinds[name]() for name in names]
        self._tokenizer = None if own_words else _OurWords()
        self._tokenizers = word_tokenizers

    def kept(self, texts: list[str]) -> list[str | None]:
        """The text of each document, or None if it is dropped."""
        with self._words():
            return [self._one(text) for text in texts]

    def run(self, documents: Iterable[Any]) -> list[Any]:
        """The documents that all filters keep, as datatrove's pipelines run them."""
        with self._words():
            for one in self._filters:
                documents = one.run(documents)
            return list(documents)

    @contextlib.contextmanager
    def _words(self) -> Iterator[None]:
        from datatrove.utils.text import split_into_parts

        split_into_parts.cache_clear()
        original = self._tokenizers.load_word_tokenizer
        if self._tokenizer:
            self._tokenizers.load_word_tokenizer = lambda _: self._tokenizer
        try:
            yield
        finally:
            self._tokenizers.load_word_tokenizer = original

    def _one(self, text: str) -> str | None:
        document = self._document(text=text, id="a")
        stays = all(one.filter(document) is True for one in self._filters)
        return document.text if stays else None


class _OurWords:
    """The words of `minilm` as datatrove asks for words and sentences."""

    def word_tokenize(self, text: str) -> list[str]:
        return words.of(text).texts()

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))] * words.sentences(text)


def kept(names: list[str], texts: list[str]) -> list[str | None]:
    """The text of each document after our filters, or None if one rejects it."""
    rules = [NAMES[name]() for name in names]
    found: list[str | None] = []
    for text in texts:
        result = Document("a", text, "")
        for rule in rules:
            result = rule(result)
            if isinstance(result, Rejection):
                break
        found.append(None if isinstance(result, Rejection) else result.text)
    return found


def filtering(texts: list[str], runs: int) -> Iterator[dict[str, Any]]:
    """Each filter, then all."""
    for names in ([name] for name in NAMES):
        yield _filtering(names[0], names, texts, runs)
    yield _filtering("all filters", list(NAMES), texts, runs)


def _filtering(what: str, names: list[str], texts: list[str], runs: int) -> dict[str, Any]:
    sides: Sides = {"minilm": lambda: kept(names, texts)}
    own = kept(names, texts)  # compiles
    more: dict[str, Any] = {"kept": sum(text is not None for text in own)}
    try:
        for title, own_words in (("datatrove", True), ("datatrove, our words", False)):
            peer = Peer(names, own_words)
            theirs = peer.kept(texts)
            more[f"differ from {title}"] = sum(a != b for a, b in zip(own, theirs, strict=True))
            sides[title] = lambda peer=peer: peer.kept(texts)
    except ImportError:
        pass
    return measure(what, texts, sides, runs) | more


def staging(texts: list[str], runs: int) -> Iterator[dict[str, Any]]:
    """What follows the filters."""
    config = deduplication.MinHashConfig()
    yield measure(
        "words", texts, {"minilm": lambda: [words._of(t, "kernels") for t in texts]}, runs
    )
    yield measure("digest", texts, {"minilm": lambda: deduplication.exact_keys(texts)}, runs)
    sides: Sides = {"minilm": lambda: deduplication.signatures(texts, config)}
    signed = deduplication.signatures(texts, config)
    with contextlib.suppress(ImportError):
        sides["datatrove"] = _peer_signatures(texts)
    yield measure("signatures", texts, sides, runs)
    yield measure("bands", texts, {"minilm": lambda: deduplication.bands(signed, config)}, runs)
    keys = deduplication.bands(signed, config)
    with tempfile.TemporaryDirectory() as folder:
        parts = [(keys, np.arange(len(texts)))]
        sides = {"minilm": lambda: deduplication.clusters(parts, len(texts), Path(folder))}
        sides["minilm"]()
        yield measure("clusters", texts, sides, runs)
    rule = contaminated(Index.of(texts[:50]))
    given = [Document("a", text, "") for text in texts]
    sides = {"minilm": lambda: list(apply([rule], given))}
    yield measure("decontamination", texts, sides, runs)


def _peer_signatures(texts: list[str]) -> Callable[[], Any]:
    import xxhash
    from datatrove.pipeline.dedup.minhash import MinhashDedupSignature
    from datatrove.utils.word_tokenizers import WordTokenizer

    class White(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        sent_tokenize = span_tokenize = word_tokenize

    step = MinhashDedupSignature(tempfile.mkdtemp())
    step.word_tokenizer = White()
    # As datatrove calls it; from version 4 on, xxhash wants bytes.
    step._hash_func = lambda text: xxhash.xxh64_intdigest(text.encode())

    def run() -> None:
        for text in texts:
            shingles = step.get_shingles(text)
            if shingles.size:
                step.get_signature(shingles)

    return run


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    text = f"{row['what']:18} {row['documents']} documents, {row['bytes'] / 1e6:.1f} MB"
    for name, side in row.items():
        if isinstance(side, dict):
            rate, megabytes = side["documents_per_second"], side["megabytes_per_second"]
            text += f"\n    {name:22} {rate:10,.0f} /s {megabytes:8.1f} MB/s ({side['ratio']:.2f})"
        elif name == "kept" or name.startswith("differ"):
            text += f"; {name}: {side}"
    return text


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.corpus_filters", description=__doc__
    )
    parser.add_argument("names", nargs="*", help="filters, stages (both)")
    parser.add_argument("--documents", type=int, default=1000, help="at most so many (1000)")
    parser.add_argument("--runs", type=int, default=5, help="of each side (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    texts = documents(options.documents)
    rows = []
    for name, run in (("filters", filtering), ("stages", staging)):
        if name in (options.names or ["filters", "stages"]):
            for row in run(texts, options.runs):
                rows.append(row)
                if not options.json:
                    print(line(row), flush=True)
    if options.json:
        about = {"python": platform.python_version(), "cpu": platform.processor()}
        print(json.dumps({"machine": about, "rows": rows}))


if __name__ == "__main__":
    main()
