"""Deduplication and decontamination as the build uses them: on parts, and across them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minilm.corpus import sources
from minilm.corpus.building import store
from minilm.corpus.building.listing import held_out_sources
from minilm.corpus.building.settings import DecontaminationConfig, DeduplicationConfig
from minilm.corpus.decontamination import Index, contaminated
from minilm.corpus.deduplication import (
    MinHashConfig,
    bands,
    clusters,
    keep_longest,
    signatures,
)
from minilm.corpus.pipeline import Rule

__all__ = ["band_keys", "contamination_rules", "near_keepers", "save_index"]

RUNS = "runs.npy"


def band_keys(texts: Sequence[str], config: DeduplicationConfig) -> NDArray[np.uint64]:
    """The band keys (n, bands) of texts; near-duplicates share one, most likely."""
    if not texts:
        return np.empty((0, config.bands), np.uint64)
    minhash = MinHashConfig(config.shingle, config.bands, config.rows, config.seed)
    return bands(signatures(texts, minhash), minhash)


def near_keepers(
    files: Sequence[tuple[Path, Path]], sizes: NDArray, folder: Path
) -> NDArray[np.int64]:
    """The number of the document that is kept of each one's cluster.

    Parameters
    ----------
    files : sequence of (path, path)
        Band keys and document numbers of each part. A document without any is alone.
    sizes : (N,) int
        Of all documents; the largest of a cluster is kept, of equal ones the first.
    folder : path
        For what does not fit in memory.
    """

    def keys() -> Iterator[tuple[NDArray, NDArray]]:
        for path, numbers in files:
            yield store.load(path, mapped=True), store.load(numbers)

    of = np.array(clusters(keys(), len(sizes), folder))
    kept = np.flatnonzero(keep_longest(of, sizes))
    keeper = np.empty(len(sizes), np.int64)
    keeper[of[kept]] = kept
    return keeper[of]


def save_index(config: DecontaminationConfig, folder: Path) -> None:
    """Write the runs of words (m,) uint64 of the texts that training must not see."""
    texts = (
        document.text
        for source in held_out_sources(config)
        for document in sources.documents(source)
    )
    store.save(folder / RUNS, Index.of(texts, config.n).hashes)


def contamination_rules(config: DecontaminationConfig | None, index: Path) -> list[Rule]:
    """The rule against these texts, if there are any."""
    if config is None:
        return []
    return [contaminated(Index(config.n, store.load(index / RUNS)))]
