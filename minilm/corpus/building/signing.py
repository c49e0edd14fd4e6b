"""The second stage, part by part: signatures, by which near-duplicates find each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minilm.corpus.building import similarity, store
from minilm.corpus.building.settings import DeduplicationConfig
from minilm.corpus.building.work import output, task_folder

__all__ = ["BANDS", "NUMBERS", "SignTask", "sign_part"]

BANDS, NUMBERS = "bands.npy", "numbers.npy"
BATCH_BYTES = 2**22


@dataclass(frozen=True)
class SignTask:
    """One part to sign.

    Attributes
    ----------
    stage : path
        The stage's folder.
    number : int
        Of the part.
    documents : path
        The folder of the first stage.
    fates : path
        Of all documents; those that are exact duplicates need no signature.
    first : int
        Number of the part's first document among all.
    """

    stage: Path
    number: int
    documents: Path
    fates: Path
    first: int
    config: DeduplicationConfig


def sign_part(task: SignTask) -> None:
    """Write the band keys (n, bands) of a part's documents, and the documents' numbers (n,)."""
    with output(task.stage, task.number) as folder:
        source = task_folder(task.documents, task.number)
        n = len(store.rows(source))
        kept = np.array(store.load(task.fates, mapped=True)[task.first : task.first + n]) == 0
        batches = [similarity.band_keys(texts, task.config) for texts in _batches(source, kept)]
        keys = np.concatenate([similarity.band_keys([], task.config), *batches])
        store.save(folder / BANDS, keys)
        store.save(folder / NUMBERS, task.first + np.flatnonzero(kept))


def _batches(folder: Path, kept: np.ndarray) -> Iterator[list[str]]:
    """The texts of the documents that are kept, some megabytes at a time."""
    batch: list[str] = []
    held = 0
    for document, keep in zip(store.read(folder), kept.tolist(), strict=True):
        if keep:
            batch.append(document.text)
            held += len(document.text)
        if held >= BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
