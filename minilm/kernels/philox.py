"""Compiled twin of `minilm.reference.philox`, for kernels: the same words for the same
elements, made where they are used."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from minilm.kernels.jit import helper
from minilm.reference.philox import M0, M1, W0, W1, threshold

__all__ = ["key_words", "philox4x32", "threshold"]

_M0, _M1 = np.uint64(M0), np.uint64(M1)
_W0, _W1 = np.uint64(W0), np.uint64(W1)
_HALF = np.uint64(32)


def key_words(key: int) -> tuple[np.uint32, np.uint32]:
    """The low and high half of a 64-bit key."""
    return np.uint32(key & 0xFFFFFFFF), np.uint32(key >> 32)


@helper(exact=True)
def _round(c0, c1, c2, c3, k0, k1):
    product0, product1 = _M0 * np.uint64(c0), _M1 * np.uint64(c2)
    new0 = np.uint32(np.uint32(product1 >> _HALF) ^ c1 ^ k0)
    new2 = np.uint32(np.uint32(product0 >> _HALF) ^ c3 ^ k1)
    return new0, np.uint32(product1), new2, np.uint32(product0)


@helper(exact=True)
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Four uint32 words of one counter (c0, c1, c2, c3) and key (k0, k1), all uint32."""
    # Written out: around an inner loop, the loop over counters would not use vectors.
    c = _round(c0, c1, c2, c3, k0, k1)
    c = _round(c[0], c[1], c[2], c[3], np.uint32(k0 + 1 * _W0), np.uint32(k1 + 1 * _W1))
    c = _round(c[0], c[1], c[2], c[3], np.uint32(k0 + 2 * _W0), np.uint32(k1 + 2 * _W1))
    c = _round(c[0], c[1], c[2], c[3], np.uint32(k0 + 3 * _W0), np.uint32(k1 + 3 * _W1))
    c = _round(c[0], c[1], c[2], c[3], np.uint32(k0 + 4 * _W0), np.uint32(k1 + 4 * _W1))
    c = _round(c[0], c[1], c[2], c[3], np.uint32(k0 + 5 * _W0), np.uint32(k1 + 5 * _W1))
    c = _round(c[0], c[1], c[2], c[3], np.uint32(k0 + 6 * _W0), np.uint32(k1 + 6 * _W1))
    c = _round(c[0], c[1], c[2], c[3], np.uint32(k0 + 7 * _W0), np.uint32(k1 + 7 * _W1))
    c = _round(c[0], c[1], c[2], c[3], np.uint32(k0 + 8 * _W0), np.uint32(k1 + 8 * _W1))
    c = _round(c[0], c[1], c[2], c[3], np.uint32(k0 + 9 * _W0), np.uint32(k1 + 9 * _W1))
    return c
