r"""MinHash: short signatures whose likeness is that of the texts.

A text is the set of its shingles, the runs of n words. Two sets A and B are alike by their
Jaccard similarity s = |A and B| / |A or B|. Under a random order of all shingles, the first of
A or B is as likely any of them, so that A and B have the same first with probability s:

    signature_k(A) = min over x in A of (a_k * x + b_k mod 2^64)        a_k odd

with x the hash of a shingle; each k orders them anew. Then the k are cut into bands of r, and
two texts are taken for near-duplicates if a whole band agrees:

    P(at least one of b bands agrees) = 1 - (1 - s^r)^b

which rises steeply about s = (1/b)^(1/r): 0.72 for 14 bands of 8.

Shapes: word hashes (w,), shingles (m,), a and b (K,), signatures (d, K) uint64, bands (d, b).

Source: Broder 1997, "On the resemblance and containment of documents"; Indyk and Motwani
1998, "Approximate nearest neighbors", for the bands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["NONE", "bands", "shingles", "signatures"]

# The signature, and every band, of a text without words: it is like no other.
NONE = 2**64 - 1

_U = np.uint64
_FACTOR = 0x9E3779B97F4A7C15


def shingles(
    word_hashes: NDArray, ends: NDArray, n: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A hash of each run of n words; of all its words, if a text has fewer.

    Parameters
    ----------
    word_hashes : (w,) uint64
    ends : (d,) int64
        As `word_hashes.hashes` returns them.

    Returns
    -------
    shingles : (m,) uint64
    ends : (d,) int64
        How many shingles there are up to the end of each text.

    Examples
    --------
    >>> found, ends = shingles(np.array([1, 2, 3, 1, 2, 9], np.uint64), np.array([5, 6, 6]), 2)
    >>> ends.tolist(), bool(found[0] == found[3]), bool(found[0] == found[1])
    ([4, 5, 5], True, False)
    """
    found: list[NDArray] = []
    start, total, shingle_ends = 0, 0, []
    for end in ends.tolist():
        words = word_hashes[start:end]
        size = min(n, words.size)
        m = words.size - size + 1 if size else 0
        h = np.zeros(m, np.uint64)
        for k in range(size):
            h = h * _U(_FACTOR) + words[k : k + m]
        found.append(_finalised(h))
        total += m
        shingle_ends.append(total)
        start = end
    return np.concatenate([np.empty(0, np.uint64), *found]), np.array(shingle_ends, np.int64)


def signatures(
    word_hashes: NDArray, ends: NDArray, n: int, a: NDArray, b: NDArray
) -> NDArray[np.uint64]:
    """The signature of each text, of its runs of n words.

    Parameters
    ----------
    word_hashes : (w,) uint64
    ends : (d,) int64
    a, b : (K,) uint64
        Of the K orders; a is odd, or the order would not be one of all shingles.

    Returns
    -------
    (d, K) uint64
        `NONE` throughout for a text without words.
    """
    hashed, shingle_ends = shingles(word_hashes, ends, n)
    found = np.full((ends.size, a.size), NONE, np.uint64)
    start = 0
    for d, end in enumerate(shingle_ends.tolist()):
        if end > start:
            found[d] = (a * hashed[start:end, None] + b).min(axis=0)
        start = end
    return found


def bands(signatures: NDArray, n_bands: int) -> NDArray[np.uint64]:
    """One key for each band of a signature: equal keys mean equal bands.

    Different bands with the same numbers have different keys, so that all keys can be
    sorted together.

    Parameters
    ----------
    signatures : (d, K) uint64
        K is a multiple of `n_bands`.

    Returns
    -------
    (d, n_bands) uint64
        `NONE` for a text without words.
    """
    parts = signatures.reshape(len(signatures), n_bands, signatures.shape[1] // n_bands)
    keys = np.broadcast_to(np.arange(1, n_bands + 1, dtype=np.uint64), parts.shape[:2])
    for r in range(parts.shape[2]):
        keys = _finalised(keys * _U(_FACTOR) + parts[:, :, r])
    keys[(signatures == _U(NONE)).all(axis=1)] = NONE
    return keys


def _finalised(h: NDArray) -> NDArray:
    h = (h ^ (h >> _U(30))) * _U(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> _U(27))) * _U(0x94D049BB133111EB)
    return h ^ (h >> _U(31))
