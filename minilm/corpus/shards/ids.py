"""The shards of one side as one long row of ids, which stays on the disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minilm.corpus.shards.manifest import Shard
from minilm.errors import MinilmError

__all__ = ["ShardedIds"]


class ShardedIds:
    """Behaves as the array (N,) of all ids would, as far as training asks.

    Only what is indexed is read. ``ids[i]``, ``ids[i:j]`` and ``ids[array of indices]`` give
    arrays in memory, and so does ``np.asarray(ids)``, of everything.

    Parameters
    ----------
    folder : path
    shards : sequence of Shard
    dtype : np.uint16 or np.uint32

    Attributes
    ----------
    dtype : np.dtype
    shape : (int,)
    starts : (S + 1,) int64
        Where each shard starts, and the end.
    """

    ndim = 1

    def __init__(self, folder: Path, shards: Sequence[Shard], dtype: DTypeLike) -> None:
        self.folder = folder
        self.shards = tuple(shards)
        self.dtype = np.dtype(dtype)
        self.starts = np.cumsum([0, *(shard.tokens for shard in shards)])
        self.shape = (int(self.starts[-1]),)
        self._ids = [self._map(s.file, self.dtype.newbyteorder("<"), s.tokens) for s in shards]

    def _map(self, name: str, dtype: DTypeLike, n: int) -> NDArray:
        if n == 0:  # an empty file cannot be mapped
            return np.empty(0, dtype)
        try:
            return np.memmap(self.folder / name, dtype, "r", shape=(n,))
        except (OSError, ValueError) as error:
            raise MinilmError(f"cannot read {self.folder / name}: {error}") from None

    def _shard(self, number: int) -> NDArray:
        """The ids of a shard, which is still as long as when it was opened.

        The system kills a process that reads from a map where the file has no more bytes.
        """
        shard = self.shards[number]
        path, expected = self.folder / shard.file, self.dtype.itemsize * shard.tokens
        try:
            size = os.stat(path).st_size
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise MinilmError(f"cannot read {path}: {reason}; restore it, then go on") from None
        if size < expected:
            raise MinilmError(
                f"{path} was cut short while it was in use: {size} bytes, not {expected}; "
                "restore it, then go on"
            )
        return self._ids[number]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """How many ids there are."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            first, end, step = key.indices(len(self))
            if step != 1:
                return self._gather(np.arange(first, end, step))
            return self._slice(first, max(first, end))
        found = self._gather(np.asarray(key))
        return found[()] if found.ndim == 0 else found

    def _slice(self, first: int, end: int) -> NDArray:
        parts = [np.empty(0, self.dtype)]
        for number, (a, b) in enumerate(pairwise(self.starts.tolist())):
            if max(first, a) < min(end, b):
                parts.append(self._shard(number)[max(0, first - a) : end - a])
        return np.concatenate(parts).astype(self.dtype)

    def _gather(self, indices: NDArray) -> NDArray:
        if indices.dtype.kind not in "iu" and indices.size:
            raise TypeError(f"ids are found by whole numbers, not by {indices.dtype}")
        indices = np.where(indices < 0, indices + len(self), indices).astype(np.int64)
        if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < len(self):
            raise IndexError(f"there are {len(self)} ids")
        result = np.empty(indices.shape, self.dtype)
        where = np.searchsorted(self.starts, indices, "right") - 1
        for shard in np.unique(where).tolist():
            here = where == shard
            result[here] = self._shard(shard)[indices[here] - self.starts[shard]]
        return result

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("the ids are on the disk; an array of them is a copy")
        return self._slice(0, len(self)).astype(dtype or self.dtype, copy=False)

    def document_starts(self, shard: int) -> NDArray[np.int64]:
        """Where the documents of a shard start within it, and its end: (documents + 1,)."""
        here = self.shards[shard]
        return np.asarray(self._map(here.index, "<i8", here.documents + 1), np.int64)

    @property
    def n_documents(self) -> int:
        """How many documents there are, a repeated one counted each time."""
        return sum(shard.documents for shard in self.shards)

    def document(self, number: int) -> NDArray:
        """The ids of a document, end-of-text token included.

        Raises
        ------
        MinilmError
            If there are not so many.
        """
        left = number
        for i, shard in enumerate(self.shards):
            if 0 <= left < shard.documents:
                first, end = self.document_starts(i)[left : left + 2]
                return self._shard(i)[first:end].astype(self.dtype)
            left -= shard.documents
        raise MinilmError(f"there is no document {number}; there are {self.n_documents}")
