"""Compiled twin of `minilm.reference.squared_relu`: one pass through memory."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels.exponential import like
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import CHUNK, chunk
from minilm.reference.squared_relu import Saved

__all__ = ["Saved", "backward", "forward"]


def forward(x: NDArray) -> tuple[NDArray, Saved]:
    """Returns y like x."""
    flat = np.ascontiguousarray(x).reshape(-1)
    y = aligned.empty(flat.shape, flat.dtype)
    _forward(flat, y)
    return y.reshape(x.shape), Saved(x)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx like x."""
    flat = np.ascontiguousarray(saved.x).reshape(-1)
    dx = aligned.empty(flat.shape, flat.dtype)
    _backward(np.ascontiguousarray(dy).reshape(-1), flat, dx)
    return dx.reshape(saved.x.shape)


@helper()
def _positive(x):
    # As NumPy's maximum: NaN stays NaN, since it is not below 0.
    zero = like(x, 0)
    return zero if x < zero else x


@helper()
def _forward_chunk(x, y):
    for i in range(x.size):
        y[i] = _positive(x[i]) * _positive(x[i])


@kernel(parallel_from=400_000)
def _forward(x, y):
    for k in prange((x.size + CHUNK - 1) // CHUNK):
        s = chunk(k, CHUNK)
        _forward_chunk(x[s], y[s])


@helper()
def _backward_chunk(dy, x, dx):
    for i in range(x.size):
        dx[i] = dy[i] * (like(x[i], 2) * _positive(x[i]))


@kernel(parallel_from=400_000)
def _backward(dy, x, dx):
    for k in prange((x.size + CHUNK - 1) // CHUNK):
        s = chunk(k, CHUNK)
        _backward_chunk(dy[s], x[s], dx[s])
