"""The last stage, shard by shard: documents in an order that mixes the sources."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minilm.corpus.building import store
from minilm.corpus.building.encoding import IDS
from minilm.corpus.building.work import output, task_folder
from minilm.corpus.keys import scramble
from minilm.corpus.shards import Shard, write_shard
from minilm.errors import MinilmError

__all__ = ["ENTRY", "INFO", "PackTask", "order", "pack_shard", "read_info"]

INFO = "shard.json"
# Where a document's ids are: its part, the first of its ids there, how many, and its size.
ENTRY = np.dtype([("part", "<i4"), ("first", "<i8"), ("length", "<i8"), ("bytes", "<i8")])


def order(
    entries: NDArray, digests: NDArray, copies: NDArray, seed: int
) -> tuple[NDArray, NDArray[np.int64]]:
    """The entries in the order in which they are packed, each as often as it is taken.

    The order is drawn from the documents' digests; copies of one document lie apart.

    Returns
    -------
    entries : (M,) of `ENTRY`
    numbers : (M,) int64
        Their places in what was given.
    """
    numbers = np.repeat(np.arange(len(entries)), copies)
    first = np.repeat(np.cumsum(copies) - copies, copies)
    keys = scramble(digests[numbers], seed, "order", np.arange(len(numbers)) - first)
    numbers = numbers[np.argsort(keys, kind="stable")]
    return entries[numbers], numbers


@dataclass(frozen=True)
class PackTask:
    """One shard to write.

    Attributes
    ----------
    stage : path
        The stage's folder, for the shard's figures.
    number : int
        Of the shard among those of both sides.
    out : path
        Where the shard itself goes.
    name : str
    order : path
        Array of `ENTRY` of the side; the shard has those from `first` to `end`.
    encoded : path
        The folder of the stage that wrote the ids.
    dtype : str
    """

    stage: Path
    number: int
    out: Path
    name: str
    order: Path
    first: int
    end: int
    encoded: Path
    dtype: str


def pack_shard(task: PackTask) -> None:
    """Write the two files of a shard, then what the manifest says of them."""
    entries = np.array(store.load(task.order, mapped=True)[task.first : task.end])
    with output(task.stage, task.number) as folder:
        n_bytes = int(entries["bytes"].sum())
        ids = _ids(entries, task.encoded, task.dtype)
        shard = write_shard(task.out, task.name, ids, task.dtype, n_bytes)
        text = json.dumps(dataclasses.asdict(shard))
        (folder / INFO).write_text(text, encoding="utf-8")


def _ids(entries: NDArray, encoded: Path, dtype: str) -> Iterator[NDArray]:
    stored = np.dtype(dtype).newbyteorder("<")
    opened: dict[int, NDArray] = {}
    for part, first, length, _ in entries.tolist():
        if part not in opened:
            path = task_folder(encoded, part) / IDS
            try:
                opened[part] = np.memmap(path, stored, "r")
            except (OSError, ValueError) as error:
                raise MinilmError(f"cannot read {path}: {error}; run the build again") from None
        yield opened[part][first : first + length]


def read_info(stage: Path, number: int) -> Shard:
    """The figures of a shard that is written."""
    text = (task_folder(stage, number) / INFO).read_text(encoding="utf-8")
    return Shard(**json.loads(text))
