"""Byte-pair encoding, the training: join the most frequent pair of neighbours, and again.

    repeat:  count all pairs of neighbouring tokens within the pieces
             (a, b) = the most frequent pair; among equals the least a, then the least b
             a new token stands for a followed by b; put it wherever they stand, left to right

A pair is counted at every place, overlaps included: "aaa" has the pair (a, a) twice,
although only one can be joined. This and the rule for ties are those of the package
`tokenizers`. No pair can make a token of bytes that another token has already: within
bounds that no token crosses, equal bytes have become equal tokens at every stage.

Source: Gage 1994, "A New Algorithm for Data Compression"; Sennrich, Haddow and Birch 2016,
"Neural Machine Translation of Rare Words with Subword Units", algorithm 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["train"]


def train(
    pieces: NDArray,
    ends: NDArray,
    counts: NDArray,
    n_merges: int,
    byte_ids: NDArray,
    min_count: int = 1,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.int32]:
    """The pairs to join, in order.

    Parameters
    ----------
    pieces : (n,) uint8
    ends, counts : (p,) int64
        As `bpe_counting.PieceCounts.result` returns them.
    n_merges : int
        How many to find; there are fewer when no pair is left that occurs often enough.
    byte_ids : (256,) int
        The id of each byte: the numbers 0 to 255, in the order that ties are decided by.
    min_count : int
        A pair must occur so often.
    progress : callable, optional
        Called with the number of pairs found, now and then.

    Returns
    -------
    (m, 2) int32
        The token that pair i makes has the id 256 + i.

    Examples
    --------
    >>> pieces, ends = np.frombuffer(b"hugpughugs", np.uint8), np.array([3, 6, 10])
    >>> train(pieces, ends, np.array([10, 5, 5]), 2, np.arange(256)).tolist()
    [[117, 103], [104, 256]]
    """
    starts = [0, *ends.tolist()][:-1]
    words = [byte_ids[pieces[a:b]].tolist() for a, b in zip(starts, ends.tolist(), strict=True)]
    pairs: list[tuple[int, int]] = []
    while len(pairs) < n_merges:
        found: Counter[tuple[int, int]] = Counter()
        for word, count in zip(words, counts.tolist(), strict=True):
            for pair in pairwise(word):
                found[pair] += count
        best = min(found, key=lambda pair: (-found[pair], pair), default=None)
        if best is None or found[best] < max(1, min_count):
            break
        words = [_joined(word, best, 256 + len(pairs)) for word in words]
        pairs.append(best)
        if progress is not None:
            progress(len(pairs))
    return np.array(pairs, np.int32).reshape(-1, 2)


def _joined(word: list[int], pair: tuple[int, int], token: int) -> list[int]:
    """The word with `token` wherever the pair stood, from left to right."""
    joined: list[int] = []
    i = 0
    while i < len(word):
        if tuple(word[i : i + 2]) == pair:
            joined.append(token)
            i += 2
        else:
            joined.append(word[i])
            i += 1
    return joined
