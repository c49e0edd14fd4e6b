"""Compiled twin of `minilm.reference.rope`: one pass, also over heads that lie in a fused
(B, T, H * D) array."""

# mypy: allow-untyped-defs
from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import memory
from minilm.reference.rope import Saved, angles

__all__ = ["Saved", "backward", "forward"]


def forward(x: NDArray, start: int = 0, base: float = 10000.0) -> tuple[NDArray, Saved]:
    """Turn x (B, H, T, D), whose first position is number `start`; returns y like x."""
    saved = _tables(x.shape[-2], x.shape[-1], start, base, x.dtype)
    return _run(x, saved.cos, saved.sin), saved


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx (B, H, T, D)."""
    return _run(dy, saved.cos, -saved.sin)


@functools.lru_cache(maxsize=16)
def _tables(n_query: int, head_size: int, start: int, base: float, dtype: Any) -> Saved:
    # Kept, since every layer asks for the same ones: making them takes longer than turning.
    turn = angles(n_query, head_size, start, base)
    return Saved(np.cos(turn).astype(dtype), np.sin(turn).astype(dtype))


def _run(x: NDArray, cos: NDArray, sin: NDArray) -> NDArray:
    # y in memory as (B, T, H, D), the order in which x comes from the fused array.
    n_batch, n_head, n_query, head_size = x.shape
    y = np.empty((n_batch, n_query, n_head, head_size), x.dtype)
    _rotate(y, *memory(x.transpose(0, 2, 1, 3)), cos, sin)
    return y.transpose(0, 2, 1, 3)


@helper()
def _rotate_row(x, cos, sin, y):
    half = cos.size
    first, second = x[:half], x[half:]
    y_first, y_second = y[:half], y[half:]
    # Two loops: for one that writes both halves the compiler would need too many tests.
    for i in range(half):
        y_first[i] = first[i] * cos[i] - second[i] * sin[i]
    for i in range(half):
        y_second[i] = first[i] * sin[i] + second[i] * cos[i]


@kernel(parallel_from=200_000)
def _rotate(y, x, strides, cos, sin):
    n_batch, n_query, n_head, head_size = y.shape
    for n in prange(n_batch * n_query):
        b, t = n // n_query, n % n_query
        for h in range(n_head):
            at = b * strides[0] + t * strides[1] + h * strides[2]
            _rotate_row(x[at : at + head_size], cos[t], sin[t], y[b, t, h])
