"""datatrove's steps, each from documents to documents, set as the stages of `minilm.corpus` are.

Its near copies are looked for with words split at white space, which is faster than its own words
by spaCy. What its steps would write to disk between them stays in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from minilm.corpus.documents import Document

__all__ = ["exact", "given", "near", "quiet", "read", "repaired"]

Stream = Iterable[Any]  # of datatrove's documents


def quiet() -> None:
    """No messages of each step."""
    from loguru import logger

    logger.disable("datatrove")


def given(documents: Iterable[Document]) -> Iterator[Any]:
    """Ours as its own."""
    from datatrove.data import Document as PeerDocument

    return (PeerDocument(text=d.text, id=d.id) for d in documents)


def read(folder: str) -> Stream:
    """JSON lines on disk."""
    from datatrove.pipeline.readers import JsonlReader

    return JsonlReader(folder).run(None)


def repaired(documents: Stream) -> Stream:
    """Mojibake repaired, by ftfy, and nothing else changed."""
    from datatrove.pipeline.formatters import FTFYFormatter

    options = ("unescape_html", "remove_terminal_escapes", "fix_surrogates", "remove_control_chars")
    return FTFYFormatter(**dict.fromkeys(options, False)).run(documents)


def _simple(document: Any) -> str:
    from datatrove.utils.text import TextNormConfig, simplify_text

    return str(simplify_text(document.text, TextNormConfig()))


def _hashed(text: str) -> int:
    """As datatrove calls it; from version 4 on, xxhash wants bytes."""
    import xxhash

    return int(xxhash.xxh64_intdigest(text.encode()))


def exact(documents: list[Any]) -> list[Any]:
    """Those left of exact copies."""
    from datatrove.pipeline.dedup import exact_dedup

    config = exact_dedup.ExactDedupConfig(content_getter=_simple)
    with tempfile.TemporaryDirectory() as folder:
        signed, found = f"{folder}/signed", f"{folder}/found"
        step = exact_dedup.ExactDedupSignature(signed, config)
        step.hash_fc = _hashed
        step.run(documents)
        exact_dedup.ExactFindDedups(signed, found, config).run()
        return list(exact_dedup.ExactDedupFilter(found, config).run(documents))


def near(documents: list[Any]) -> list[Any]:
    """Those left of near copies: signatures, buckets, clusters, filter."""
    from datatrove.pipeline.dedup import minhash
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.word_tokenizers import WordTokenizer

    class White(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        sent_tokenize = span_tokenize = word_tokenize

    config = minhash.MinhashConfig(
        hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5
    )
    with tempfile.TemporaryDirectory() as folder:
        signed, found, removed = (f"{folder}/{name}" for name in ("signed", "found", "removed"))
        step = minhash.MinhashDedupSignature(signed, config)
        step.word_tokenizer = White()
        step._hash_func = _hashed
        step.run(documents)
        for bucket in range(14):
            minhash.MinhashDedupBuckets(signed, found, config=config).run(None, bucket, 14)
        minhash.MinhashDedupCluster(found, removed, config=config).run()
        return list(minhash.MinhashDedupFilter(removed).run(documents))
