r"""Philox4x32-10: random words as a function of a counter and a key, with no state.

Ten rounds turn a counter (c0, c1, c2, c3) of four 32-bit words under a key (k0, k1) into
four random words. In each round, with hi(.) and lo(.) the halves of a 64-bit product,

    (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0,  lo(M1 c2),  hi(M0 c0) ^ c3 ^ k1,  lo(M0 c0))

and between rounds k0 += W0, k1 += W1 (modulo 2^32).

Dropout asks for the word of one element, by its place, and needs no array of masks: the
backward pass asks again. Four neighbours share a counter, one word ("lane") each:

    element i of an array in C order:      counter (i//4 mod 2^32, i//4 div 2^32, 0, 0), lane i % 4
    probability (b, h, i, j) in attention: counter (j//4, i, b*H + h, 1),                lane j % 4

The key is one Python integer below 2^64: k0 its low and k1 its high half. An element is
dropped if and only if its word is less than round(p * 2^32).

Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
(SC 2011), section 3.3, and the Random123 library for the constants.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["element_words", "keep_elements", "keep_probabilities", "philox4x32", "threshold"]

M0, M1 = 0xD2511F53, 0xCD9E8D57  # multipliers
W0, W1 = 0x9E3779B9, 0xBB67AE85  # key increments: the golden ratio, and sqrt(3) - 1
LOW = 0xFFFFFFFF


def philox4x32(
    c0: NDArray | int, c1: NDArray | int, c2: NDArray | int, c3: NDArray | int, key: int
) -> NDArray:
    """The four words of each counter.

    Parameters
    ----------
    c0, c1, c2, c3 : integers below 2^32, of shapes that broadcast to one shape (...)
    key : int below 2^64

    Returns
    -------
    uint32 (..., 4)

    Examples
    --------
    >>> [f"{word:08x}" for word in philox4x32(0, 0, 0, 0, key=0)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    # uint64 throughout: it holds a 32 x 32 bit product, and NumPy has no "high half".
    words: list[NDArray] = [np.asarray(c, dtype=np.uint64) for c in (c0, c1, c2, c3)]
    low, shift = np.uint64(LOW), np.uint64(32)
    for k in range(10):
        k0 = np.uint64((key + k * W0) & LOW)
        k1 = np.uint64(((key >> 32) + k * W1) & LOW)
        product0, product1 = words[0] * np.uint64(M0), words[2] * np.uint64(M1)
        words = [
            (product1 >> shift) ^ words[1] ^ k0,
            product1 & low,
            (product0 >> shift) ^ words[3] ^ k1,
            product0 & low,
        ]
    return np.stack(np.broadcast_arrays(*words), axis=-1).astype(np.uint32)


def threshold(p: float) -> int:
    """Words below this number are dropped: round(p * 2^32).

    Raises
    ------
    ValueError
        If p is not in [0, 1).
    """
    if not 0 <= p < 1:
        raise ValueError(f"the dropout probability must be in [0, 1), not {p}")
    return min(round(p * 2**32), LOW)


def element_words(block: NDArray, key: int) -> NDArray:
    """The words, uint32 (..., 4), of elements 4 * block .. 4 * block + 3 of an array."""
    block = block.astype(np.uint64)
    return philox4x32(block & np.uint64(LOW), block >> np.uint64(32), 0, 0, key)


def keep_elements(shape: tuple[int, ...], p: float, key: int) -> NDArray[np.bool_]:
    """True where an element of an array of this shape is kept."""
    size = math.prod(shape)
    words = element_words(np.arange((size + 3) // 4), key)
    return (words.reshape(-1)[:size] >= threshold(p)).reshape(shape)


def keep_probabilities(shape: tuple[int, int, int, int], p: float, key: int) -> NDArray[np.bool_]:
    """True where an attention probability (b, h, i, j) of `shape` (B, H, T, S) is kept."""
    n_batch, n_head, n_query, n_key = shape
    block = np.arange((n_key + 3) // 4)
    query = np.arange(n_query)[:, None]
    head = np.arange(n_batch * n_head)[:, None, None]
    words = philox4x32(block, query, head, 1, key)  # (B*H, T, ceil(S/4), 4)
    words = words.reshape(n_batch, n_head, n_query, 4 * len(block))
    return words[..., :n_key] >= threshold(p)
