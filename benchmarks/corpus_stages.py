"""The other stages beside datatrove: one thread each, the same documents, in one run.

    python -m benchmarks.corpus_stages [--documents N] [--runs N] [--json]

`corpus_filters` has the quality filters. Here are reading JSON lines, repairing mojibake,
dropping exact copies and near ones, all steps of the latter included. The texts are generated,
with copies among them. A near copy lacks the end of its original, and an exact one is as long, so
that whoever keeps the first of a cluster and whoever keeps the longest keep the same.

datatrove finds words by spaCy unless told otherwise; near copies are looked for with words split
at white space, which is faster, and ours as they always are. Before anything is timed the
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
import contextlib
import json
import platform
import random
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import corpus_dirt as dirt
from benchmarks.corpus_filters import line, measure
from benchmarks.corpus_text import Writer
from minilm.corpus import deduplication
from minilm.corpus.cleaning import mojibake
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import apply
from minilm.corpus.sources import SourceConfig, documents

Run = Callable[[], list[str]]  # the ids or texts that are left


def generated(n: int) -> list[Document]:
    """Documents with their copies: of ten, seven are clean, and one of each kind is not."""
    generator = random.Random(0)
    texts: list[str] = []
    for i, text in enumerate(islice(Writer(0).documents(), n)):
        kind = i % 10
        if kind == 7:
            text = texts[-1].replace(", ", "; ")
        elif kind == 8:
            text = " ".join(texts[-2].split(" ")[:-9])
        elif kind == 9:
            text = dirt.mojibake(dirt.accented(text, generator))
        texts.append(text)
    return [Document(f"d{i}", text, "here") for i, text in enumerate(texts)]


def _given(documents: list[Document]) -> Iterator[Any]:
    from datatrove.data import Document as PeerDocument

    return (PeerDocument(text=d.text, id=d.id) for d in documents)


def reading(folder: Path) -> tuple[Run, Run]:
    """JSON lines on disk."""
    from datatrove.pipeline.readers import JsonlReader

    source = SourceConfig("here", str(folder))
    return (
        lambda: [document.text for document in documents(source)],
        lambda: [document.text for document in JsonlReader(str(folder)).run(None)],
    )


def repairing(given: list[Document]) -> tuple[Run, Run]:
    """The same package does the work; ASCII needs none."""
    from datatrove.pipeline.formatters import FTFYFormatter

    rule = mojibake()
    peer = FTFYFormatter(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_surrogates=False,
        remove_control_chars=False,
    )
    return (
        lambda: [document.text for document in apply([rule], given)],
        lambda: [document.text for document in peer.run(_given(given))],
    )


def _simple(document: Any) -> str:
    from datatrove.utils.text import TextNormConfig, simplify_text

    return str(simplify_text(document.text, TextNormConfig()))


def _hashed(text: str) -> int:
    """As datatrove calls it; from version 4 on, xxhash wants bytes."""
    import xxhash

    return int(xxhash.xxh64_intdigest(text.encode()))


def exact(given: list[Document]) -> tuple[Run, Run]:
    """Copies with other punctuation."""
    from datatrove.pipeline.dedup import exact_dedup

    def peer() -> list[str]:
        config = exact_dedup.ExactDedupConfig(content_getter=_simple)
        with tempfile.TemporaryDirectory() as folder:
            signed, found = f"{folder}/signed", f"{folder}/found"
            step = exact_dedup.ExactDedupSignature(signed, config)
            step.hash_fc = _hashed
            step.run(_given(given))
            exact_dedup.ExactFindDedups(signed, found, config).run()
            return [d.id for d in exact_dedup.ExactDedupFilter(found, config).run(_given(given))]

    return lambda: [d.id for d in deduplication.exact_duplicates(given)], peer


def near(given: list[Document]) -> tuple[Run, Run]:
    """Signatures, bands, clusters, and what is left."""
    from datatrove.pipeline.dedup import minhash
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.word_tokenizers import WordTokenizer

    class White(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        sent_tokenize = span_tokenize = word_tokenize

    def peer() -> list[str]:
        config = minhash.MinhashConfig(
            hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5
        )
        with tempfile.TemporaryDirectory() as folder:
            signed, found, removed = (f"{folder}/{name}" for name in ("signed", "found", "removed"))
            step = minhash.MinhashDedupSignature(signed, config)
            step.word_tokenizer = White()
            step._hash_func = _hashed
            step.run(_given(given))
            for bucket in range(14):
                minhash.MinhashDedupBuckets(signed, found, config=config).run(None, bucket, 14)
            minhash.MinhashDedupCluster(found, removed, config=config).run()
            return [d.id for d in minhash.MinhashDedupFilter(removed).run(_given(given))]

    return lambda: [d.id for d in deduplication.near_duplicates(given)], peer


def compare(n: int, runs: int) -> Iterator[dict[str, Any]]:
    """A row for each stage."""
    given = generated(n)
    texts = [document.text for document in given]
    with contextlib.suppress(ImportError):
        from loguru import logger

        logger.disable("datatrove")
    with tempfile.TemporaryDirectory() as folder:
        with open(Path(folder) / "a.jsonl", "w", encoding="utf-8") as file:
            for d in given:
                print(json.dumps({"id": d.id, "text": d.text}, ensure_ascii=False), file=file)
        stages = {
            "read": lambda: reading(Path(folder)),
            "mojibake": lambda: repairing(given),
            "exact copies": lambda: exact(given),
            "near copies": lambda: near(given),
        }
        for name, make in stages.items():
            try:
                own, peer = make()
                kept, theirs = own(), peer()
            except ImportError as error:
                print(f"{name}: {error}")
                continue
            row = measure(name, texts, {"minilm": own, "datatrove": peer}, runs)
            row |= {"kept": len(kept), "differ": len(set(kept) ^ set(theirs))}
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
