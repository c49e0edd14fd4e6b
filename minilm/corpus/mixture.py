"""How much of each source: weights, epochs and caps become a number of copies per document.

A source has B bytes of documents that are left after filters and deduplication.

- `epochs` e: at most e * B of them are delivered. At 2 each document occurs twice, at 0.5
  half of them occur once.
- `max_bytes`: at most so many.
- `weight` w: the sources that are delivered stand in these proportions to each other, in
  bytes. The mixture is as large as the scarcest source allows, within its epochs and cap:

      share_i     = w_i / sum_j w_j
      total       = min_i  min(e_i B_i, max_bytes_i) / share_i
      delivered_i = share_i * total

  Without weights each source delivers all that its epochs and cap allow.

A document is taken whole or not at all. Which ones make up a part of a source follows from
a key of each (`minilm.corpus.keys`), so the same ones are taken on every machine, and a
larger part contains a smaller one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError

__all__ = ["Share", "copies", "wanted"]


@dataclass(frozen=True)
class Share:
    """What a recipe asks of one source.

    Attributes
    ----------
    name : str
    weight : float or None
        None where the recipe weighs no source.
    epochs : float
    max_bytes : int or None
        None: no cap.
    """

    name: str
    weight: float | None = None
    epochs: float = 1.0
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        where = f"source {self.name!r}"
        if not 0 < self.epochs < math.inf:
            raise MinilmError(f"{where}: epochs = {self.epochs}: must be finite and above 0")
        if self.weight is not None and not 0 < self.weight < math.inf:
            raise MinilmError(f"{where}: weight = {self.weight}: must be finite and above 0")
        if self.max_bytes is not None and self.max_bytes < 1:
            raise MinilmError(f"{where}: max_bytes = {self.max_bytes}: must be above 0")


def wanted(shares: Sequence[Share], n_bytes: Sequence[int]) -> list[int]:
    """The bytes that each source should deliver, given how many it has.

    Raises
    ------
    MinilmError
        If some sources have a weight and others none, or a source with a weight is empty.

    Examples
    --------
    >>> wanted([Share("a", weight=1), Share("b", weight=3)], [100, 1000])
    [100, 300]
    >>> wanted([Share("a", weight=1, epochs=4), Share("b", weight=3)], [100, 1000])
    [333, 1000]
    >>> wanted([Share("a", epochs=2), Share("b", max_bytes=500)], [100, 1000])
    [200, 500]
    """
    most = []
    for share, size in zip(shares, n_bytes, strict=True):
        limit = share.epochs * size
        most.append(limit if share.max_bytes is None else min(limit, share.max_bytes))
    if all(share.weight is None for share in shares):
        return [math.floor(limit) for limit in most]
    weights = [_weight(share, limit) for share, limit in zip(shares, most, strict=True)]
    parts = [weight / sum(weights) for weight in weights]
    total = min(limit / part for limit, part in zip(most, parts, strict=True))
    # Rounded first: 300 must not become 299 because 0.75 * 400 is a little less.
    return [math.floor(round(part * total, 6)) for part in parts]


def _weight(share: Share, limit: float) -> float:
    if share.weight is None:
        raise MinilmError(
            f"source {share.name!r} has no weight and others have one; "
            "give a weight to every source, or to none"
        )
    if limit <= 0:
        raise MinilmError(
            f"source {share.name!r} should be part of the mixture, but no text of it is left; "
            "let more of it through the filters, or leave the source out"
        )
    return share.weight


def copies(n_bytes: NDArray, keys: NDArray, target: int) -> NDArray[np.int32]:
    """How often each document of one source is taken, so that it delivers `target` bytes.

    Whole rounds of all documents first; then documents in the order of their keys, up to the
    first that would go beyond the target.

    Parameters
    ----------
    n_bytes : (N,) int
        Sizes of the documents.
    keys : (N,) uint64
        Equal keys are told apart by their position.
    target : int
        Bytes.

    Returns
    -------
    (N,) int32
        What they add up to is at most the target, and less by less than one document.

    Examples
    --------
    >>> sizes, keys = np.array([10, 20, 30]), np.array([3, 1, 2], np.uint64)
    >>> copies(sizes, keys, 120).tolist(), copies(sizes, keys, 85).tolist()
    ([2, 2, 2], [1, 2, 1])
    """
    total = int(n_bytes.sum())
    if total == 0:
        return np.zeros(len(n_bytes), np.int32)
    rounds, rest = divmod(target, total)
    result = np.full(len(n_bytes), rounds, np.int32)
    order = np.argsort(keys, kind="stable")
    result[order[np.cumsum(n_bytes[order]) <= rest]] += 1
    return result
