"""Training and validation by cluster: what resembles each other stays on one side.

Text that stands in both would let a model be judged on what it has memorised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm.corpus.keys import scramble, uniform
from minilm.errors import MinilmError

__all__ = ["held_out"]


def held_out(
    digests: NDArray, clusters: NDArray, fraction: float, seed: int = 0
) -> NDArray[np.bool_]:
    """Which documents are for validation.

    A cluster is held out when a key of the smallest digest in it, as a number in [0, 1), is
    below `fraction`: whichever others come, a document that resembles none of them stays on
    its side. The fraction is met on average, over clusters. Neither side is left empty: the
    cluster with the key nearest to the limit changes sides if need be.

    Parameters
    ----------
    digests : (N,) uint64
        Of the documents' texts.
    clusters : (N,) int
        The same number for documents that resemble each other.
    fraction : float
        Between 0 and 1.
    seed : int

    Raises
    ------
    MinilmError
        If there are not two clusters, or the fraction is not between 0 and 1.

    Examples
    --------
    >>> digests = np.array([5, 6, 7, 8], np.uint64)
    >>> sides = held_out(digests, np.array([0, 1, 0, 3]), 0.5)
    >>> bool(sides[0] == sides[2]), bool(sides.any()), bool(sides.all())
    (True, True, False)
    """
    if not 0 < fraction < 1:
        raise MinilmError(
            f"the validation fraction is {fraction}; choose one above 0 and below 1, like 0.01"
        )
    # Equal texts have equal digests, and so are one cluster however they were numbered.
    names, cluster = np.unique(clusters, return_inverse=True)
    smallest = np.full(len(names), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, cluster, digests)
    different = np.unique(smallest)
    if len(different) < 2:
        raise MinilmError(
            f"no two documents that differ are left ({len(digests)} in all), so none can be held "
            "out for validation; add text, or let more of it through the filters"
        )
    position = uniform(scramble(different, seed, "held out"))
    chosen = position < fraction
    if not chosen.any():
        chosen[position.argmin()] = True
    if chosen.all():
        chosen[position.argmax()] = False
    result: NDArray[np.bool_] = chosen[np.searchsorted(different, smallest)][cluster]
    return result
