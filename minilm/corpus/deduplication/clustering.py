r"""Clusters: documents that share a key, directly or through others, among more than fit in memory.

Every document has some keys. Pairs (key, document) are dealt out to files by their first bits,
so that equal keys are in one file; then one file at a time is sorted, and documents that stand
side by side with one key are joined by union-find. In memory there is one file's pairs and, if
the system likes, the 8 bytes of each document that hold its cluster, which are a mapped file.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minilm.backend import ops
from minilm.reference.minhash import NONE

__all__ = ["clusters", "keep_longest", "longest"]

_PAIR = np.dtype([("key", "<u8"), ("number", "<i8")])
# Open at once; systems allow 1024 or, on some, 256.
_MOST_FILES = 128
_AT_ONCE = 1 << 20


def clusters(
    parts: Iterable[tuple[NDArray, NDArray]],
    n_documents: int,
    folder: Path,
    n_bytes: int = 1 << 26,
) -> NDArray[np.int64]:
    """The cluster of each document: the least number of a document in it.

    Parameters
    ----------
    parts : iterable of (keys (m, b) uint64, numbers (m,) int64)
        The keys of documents and their numbers from 0 on, some at a time; read once, and fine
        as maps of files. `NONE` is no key. The order of the parts does not matter.
    n_documents : int
    folder : Path
        Where the files go. Those of pairs are removed again; "clusters.npy" is the result.
    n_bytes : int
        The size to which pairs in memory are held, if the keys are random enough.

    Returns
    -------
    (n_documents,) int64, a map of "clusters.npy"

    Examples
    --------
    >>> import tempfile
    >>> keys = np.array([[7, 1], [8, 2], [9, 2], [7, 8]], np.uint64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clusters([(keys, np.arange(4))], 4, Path(folder)).tolist()
    [0, 0, 0, 0]
    """
    folder.mkdir(parents=True, exist_ok=True)
    parents = np.lib.format.open_memmap(
        folder / "clusters.npy", mode="w+", dtype=np.int64, shape=(n_documents,)
    )
    for start in range(0, n_documents, _AT_ONCE):
        end = min(start + _AT_ONCE, n_documents)
        parents[start:end] = np.arange(start, end)
    files: list[Path] = []
    try:
        _deal(parts, n_documents, folder, n_bytes, files)
        for file in files:
            pairs = np.fromfile(file, _PAIR)
            file.unlink()
            order = np.argsort(pairs["key"], kind="stable")
            keys, numbers = pairs["key"][order], pairs["number"][order]
            ops.union_find.join_equal(np.asarray(parents), keys, numbers)
    finally:
        for file in files:
            file.unlink(missing_ok=True)
    ops.union_find.flatten(np.asarray(parents))
    parents.flush()
    return parents


def _deal(
    parts: Iterable[tuple[NDArray, NDArray]],
    n_documents: int,
    folder: Path,
    n_bytes: int,
    files: list[Path],
) -> None:
    """Write the pairs to `files`, by the first bits of their keys."""
    bits = 0
    with ExitStack() as stack:
        streams: list = []
        for keys, numbers in parts:
            if not streams:
                wanted = n_documents * keys.shape[1] * _PAIR.itemsize / n_bytes
                while (1 << bits) < min(wanted, _MOST_FILES):
                    bits += 1
                files += [folder / f"pairs-{i:03d}.bin" for i in range(1 << bits)]
                streams = [stack.enter_context(file.open("wb")) for file in files]
            step = max(1, _AT_ONCE // keys.shape[1])
            for start in range(0, len(keys), step):
                rows = slice(start, start + step)
                _append(np.asarray(keys[rows]), np.asarray(numbers[rows]), bits, streams)


def _append(keys: NDArray, numbers: NDArray, bits: int, streams: list) -> None:
    pairs = np.empty(keys.shape, _PAIR)
    pairs["key"] = keys
    pairs["number"] = numbers[:, None]
    pairs = pairs[keys != np.uint64(NONE)]
    # A shift by all 64 bits is undefined.
    place = (pairs["key"] >> np.uint64(64 - bits) if bits else 0 * pairs["key"]).astype(np.int64)
    pairs = pairs[np.argsort(place, kind="stable")]
    ends = np.cumsum(np.bincount(place, minlength=1 << bits))
    start = 0
    for stream, end in zip(streams, ends.tolist(), strict=True):
        stream.write(pairs[start:end].tobytes())
        start = end


def longest(clusters: NDArray, lengths: NDArray) -> NDArray[np.int64]:
    """The longest document of each one's cluster; of equals, the one that came first.

    Parameters
    ----------
    clusters : (N,) int64
        As `clusters` returns them.
    lengths : (N,) int64

    Returns
    -------
    (N,) int64

    Examples
    --------
    >>> longest(np.array([0, 1, 0, 0]), np.array([5, 1, 7, 7])).tolist()
    [2, 1, 2, 2]
    """
    # By cluster, then the longest first; a stable sort keeps the order of the rest.
    order = np.lexsort((-np.asarray(lengths), clusters))
    in_order = np.asarray(clusters)[order]
    firsts = np.flatnonzero(np.diff(in_order, prepend=-1))
    found = np.empty(len(order), np.int64)
    found[order] = np.repeat(order[firsts], np.diff(firsts, append=len(order)))
    return found


def keep_longest(clusters: NDArray, lengths: NDArray) -> NDArray[np.bool_]:
    """Which documents (N,) stay: those that are the `longest` of their cluster.

    Examples
    --------
    >>> keep_longest(np.array([0, 1, 0, 0]), np.array([5, 1, 7, 7])).tolist()
    [False, True, True, False]
    """
    keep: NDArray[np.bool_] = longest(clusters, lengths) == np.arange(len(lengths))
    return keep
