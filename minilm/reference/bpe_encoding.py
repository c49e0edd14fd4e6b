"""Byte-pair encoding, the use: within each piece, join the pair that was learned first.

    the piece's bytes are its first tokens
    repeat:  of all pairs of neighbours, take the one that comes first in the list of merges;
             where it stands several times, the leftmost; put its token in their place
    until no pair of neighbours is in the list

Source: Sennrich, Haddow and Birch 2016; on bytes, Radford et al. 2019.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.reference import bpe_pieces

__all__ = ["Tables", "encode", "memory", "tables"]


class Tables(NamedTuple):
    """The merges, ready for use: the id of each byte, and (a, b) -> (place in the list, id)."""

    byte_ids: NDArray
    merges: dict[tuple[int, int], tuple[int, int]]


def tables(byte_ids: NDArray, pairs: NDArray, products: NDArray) -> Tables:
    """Prepare the merges.

    Parameters
    ----------
    byte_ids : (256,) int
        The id of each byte.
    pairs : (m, 2) int
        The ids to join, in the order in which they were learned, no pair twice.
    products : (m,) int
        The id that each pair makes.
    """
    merges = {
        (a, b): (rank, product)
        for rank, ((a, b), product) in enumerate(
            zip(pairs.tolist(), products.tolist(), strict=True)
        )
    }
    return Tables(byte_ids, merges)


def memory() -> Any:
    """What `encode` may remember from one call to the next, in one thread; here nothing."""
    return None


def encode(
    data: NDArray, classes: NDArray, pattern: int, prepared: Tables, remembered: Any
) -> NDArray[np.int32]:
    """The ids of a text.

    Parameters
    ----------
    data : (n,) uint8
        The text in UTF-8; any other bytes are encoded as symbols.
    classes : (CODE_POINTS,) uint8
    pattern : GPT2 or CL100K
        As `bpe_pieces.split` takes them.
    prepared : Tables
        Of `tables`.
    remembered : object
        Of `memory`; changed.

    Examples
    --------
    >>> prepared = tables(np.arange(256), np.array([[117, 103], [104, 256]]), np.array([256, 257]))
    >>> classes = np.zeros(bpe_pieces.CODE_POINTS, np.uint8)
    >>> encode(np.frombuffer(b"hugging", np.uint8), classes, 0, prepared, memory()).tolist()
    [257, 103, 105, 110, 103]
    """
    ids: list[int] = []
    start = 0
    for end in bpe_pieces.split(data, classes, pattern).tolist():
        ids += _merged(prepared.byte_ids[data[start:end]].tolist(), prepared)
        start = end
    return np.array(ids, np.int32)


def _merged(tokens: list[int], prepared: Tables) -> list[int]:
    """The tokens of one piece, joined until nothing is left to join."""
    never = (len(prepared.merges), -1)
    while len(tokens) > 1:
        found = [prepared.merges.get(pair, never) for pair in pairwise(tokens)]
        first = min(range(len(found)), key=found.__getitem__)
        if found[first] == never:
            break
        tokens[first : first + 2] = [found[first][1]]
    return tokens
