"""Compiled twin of `minilm.reference.dropout`: random words are made as they are used."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels.exponential import like
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import CHUNK, chunk
from minilm.kernels.philox import key_words, philox4x32, threshold
from minilm.reference.dropout import Saved

__all__ = ["Saved", "backward", "forward"]


def forward(x: NDArray, p: float, key: int) -> tuple[NDArray, Saved]:
    """Drop elements of x with probability p in [0, 1), chosen by key; returns y like x."""
    return _run(x, p, key), Saved(p, key)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx like x."""
    return _run(dy, saved.p, saved.key)


def _run(x: NDArray, p: float, key: int) -> NDArray:
    flat = np.ascontiguousarray(x).reshape(-1)
    y = aligned.empty(flat.shape, flat.dtype)
    limit, scale = np.uint32(threshold(p)), x.dtype.type(1 / (1 - p))
    _drop(flat, limit, scale, *key_words(key), y)
    return y.reshape(x.shape)


@helper()
def _keep(word, limit, x):
    return like(x, 0) if word < limit else x


@helper()
def _drop_chunk(x, first, limit, scale, k0, k1, y):
    """Chunk x, whose first element has counter number `first`."""
    none = np.uint32(0)
    for block in range(x.size // 4):
        number = np.uint64(first + block)
        low, high = np.uint32(number), np.uint32(number >> np.uint64(32))
        words = philox4x32(low, high, none, none, k0, k1)
        i = 4 * block
        y[i] = _keep(words[0], limit, x[i] * scale)
        y[i + 1] = _keep(words[1], limit, x[i + 1] * scale)
        y[i + 2] = _keep(words[2], limit, x[i + 2] * scale)
        y[i + 3] = _keep(words[3], limit, x[i + 3] * scale)
    number = np.uint64(first + x.size // 4)
    low, high = np.uint32(number), np.uint32(number >> np.uint64(32))
    words = philox4x32(low, high, none, none, k0, k1)
    for lane in range(x.size % 4):
        i = x.size // 4 * 4 + lane
        y[i] = _keep(words[lane], limit, x[i] * scale)


@kernel(parallel_from=80_000)
def _drop(x, limit, scale, k0, k1, y):
    for k in prange((x.size + CHUNK - 1) // CHUNK):
        s = chunk(k, CHUNK)
        _drop_chunk(x[s], k * (CHUNK // 4), limit, scale, k0, k1, y[s])
