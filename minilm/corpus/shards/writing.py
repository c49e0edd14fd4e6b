"""Documents' ids into a shard, one behind the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minilm.corpus.shards.files import whole
from minilm.corpus.shards.manifest import Shard

__all__ = ["cut", "write_shard"]


def write_shard(
    folder: Path, name: str, documents: Iterable[NDArray], dtype: DTypeLike, n_bytes: int
) -> Shard:
    """Write ``NAME.bin`` and ``NAME.idx``, each whole or not at all.

    Parameters
    ----------
    documents : iterable of (n,) int
        The ids of each document, end-of-text token included; held one at a time.
    dtype : np.uint16 or np.uint32
    n_bytes : int
        Of their text.

    Returns
    -------
    Shard
        For the manifest.

    Raises
    ------
    MinilmError
        If a file cannot be written.
    """
    stored = np.dtype(dtype).newbyteorder("<")
    starts, sha = [0], hashlib.sha256()
    with whole(folder / f"{name}.bin") as file:
        for ids in documents:
            data = np.ascontiguousarray(ids, stored).view(np.uint8).data
            file.write(data)
            sha.update(data)
            starts.append(starts[-1] + len(ids))
    index = np.array(starts, "<i8").tobytes()
    with whole(folder / f"{name}.idx") as file:
        file.write(index)
    return Shard(
        name=name,
        documents=len(starts) - 1,
        tokens=starts[-1],
        bytes=n_bytes,
        sha256=sha.hexdigest(),
        index_sha256=hashlib.sha256(index).hexdigest(),
    )


def cut(lengths: NDArray, most: int) -> list[tuple[int, int]]:
    """Where shards begin and end: (first, end) document of each, at most `most` tokens.

    A document is never divided: a longer one has a shard of its own.

    Examples
    --------
    >>> cut(np.array([3, 4, 2, 20, 1]), 8)
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    ends = np.cumsum(lengths)
    shards: list[tuple[int, int]] = []
    first = 0
    while first < len(lengths):
        before = int(ends[first - 1]) if first else 0
        end = max(first + 1, int(np.searchsorted(ends, before + most, "right")))
        shards.append((first, end))
        first = end
    return shards
