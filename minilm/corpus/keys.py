"""Numbers that look random and follow from what a document is, for a million at a time.

Who is held out, who is taken when a source gives only a part, and in which order documents
are packed must not depend on the machine, the number of workers, or which other documents
there are. So each of these is drawn from a 64-bit digest of the document's text.

Source: the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014), which maps 64 bits to 64 bits one to one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm import rng

__all__ = ["scramble", "uniform"]


def scramble(digests: NDArray, seed: int, purpose: str, copy: NDArray | int = 0) -> NDArray:
    """Keys (N,) uint64 of the documents with these digests (N,) uint64.

    Parameters
    ----------
    seed : int
    purpose : str
        Keys of different purposes have nothing to do with each other.
    copy : (N,) int, or int
        Which copy of the document, where one occurs several times.

    Examples
    --------
    >>> digests = np.array([1, 2, 1], np.uint64)
    >>> keys = scramble(digests, 0, "order")
    >>> bool(keys[0] == keys[2]), bool(keys[0] == keys[1])
    (True, False)
    """
    with np.errstate(over="ignore"):
        # Twice, with the key between: digest and key must not cancel each other.
        mixed = _finalise(np.asarray(digests, np.uint64))
        mixed = mixed + np.asarray(copy).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return _finalise(mixed ^ np.uint64(rng.key(seed, 0, purpose)))


def _finalise(z: NDArray) -> NDArray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(keys: NDArray) -> NDArray[np.float64]:
    """The keys as numbers in [0, 1)."""
    return (keys >> np.uint64(11)).astype(np.float64) * 2.0**-53
