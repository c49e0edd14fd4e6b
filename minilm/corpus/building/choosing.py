"""Between the stages that run in parallel: which documents are taken, how often, for which side.

Everything here is arithmetic on a few numbers of each document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.corpus.keys import scramble
from minilm.corpus.mixture import Share, copies, wanted
from minilm.corpus.split_clusters import held_out

__all__ = ["EXACT", "FATES", "KEPT", "NEAR", "Choice", "choose", "exact_keepers"]

# What deduplication did to a document.
KEPT, EXACT, NEAR = 0, 1, 2
FATES = {EXACT: "exact", NEAR: "near"}


class Choice(NamedTuple):
    """The decision on every document.

    Attributes
    ----------
    copies : (N,) int32
        How often it occurs in the corpus; 0 for those that are not taken.
    held_out : (N,) bool
        True: for validation.
    asked : list of int
        Bytes that each source should deliver, before documents are held out.
    """

    copies: NDArray[np.int32]
    held_out: NDArray[np.bool_]
    asked: list[int]


def exact_keepers(digests: NDArray) -> NDArray[np.int64]:
    """The number of the first document with the same digest, for each document.

    Examples
    --------
    >>> exact_keepers(np.array([7, 5, 7, 5, 9], np.uint64)).tolist()
    [0, 1, 0, 1, 4]
    """
    _, first, group = np.unique(digests, return_index=True, return_inverse=True)
    return first[group].astype(np.int64)


def choose(
    rows: NDArray,
    sources: NDArray,
    fates: NDArray,
    clusters: NDArray,
    shares: Sequence[Share],
    *,
    seed: int,
    validation: float,
    split_seed: int,
) -> Choice:
    """Mix, then split.

    A document is held out or not whatever the mixture is, and once only, since a loss that
    counts a text twice says nothing more.

    Parameters
    ----------
    rows : (N,) of `store.ROW`
    sources : (N,) int
        Index into `shares`.
    fates : (N,) int
        `KEPT`, `EXACT` or `NEAR`.
    clusters : (N,) int
        Equal for documents that resemble each other.
    """
    kept = fates == KEPT
    sizes = np.where(kept, rows["bytes"], 0)
    keys = scramble(rows["digest"], seed, "mixture")
    asked = wanted(shares, [int(sizes[sources == i].sum()) for i in range(len(shares))])
    times = np.zeros(len(rows), np.int32)
    for i, target in enumerate(asked):
        here = np.flatnonzero(kept & (sources == i))
        times[here] = copies(rows["bytes"][here], keys[here], target)
    taken = times > 0
    sides = np.zeros(len(rows), np.bool_)
    sides[taken] = held_out(rows["digest"][taken], clusters[taken], validation, split_seed)
    times[sides] = 1
    return Choice(times, sides, asked)
