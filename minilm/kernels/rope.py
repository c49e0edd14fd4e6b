"""Compiled twin of `minilm.reference.rope`: one pass, also over heads that lie in a fused
(B, T, H * D) array."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import memory
from minilm.reference.rope import Saved, check, frequencies, tables

__all__ = ["Saved", "backward", "forward", "frequencies", "tables"]


def forward(x: NDArray, cos: NDArray, sin: NDArray) -> tuple[NDArray, Saved]:
    """Turn the first R channels of x (B, H, T, D) by tables (T, R/2); returns y like x."""
    check(x, cos)
    return _run(x, cos, sin), Saved(cos, sin)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx (B, H, T, D)."""
    return _run(dy, saved.cos, -saved.sin)


def _run(x: NDArray, cos: NDArray, sin: NDArray) -> NDArray:
    # y in memory as (B, T, H, D), the order in which x comes from the fused array.
    n_batch, n_head, n_query, head_size = x.shape
    y = aligned.empty((n_batch, n_query, n_head, head_size), x.dtype)
    contiguous = np.ascontiguousarray
    _rotate(y, *memory(x.transpose(0, 2, 1, 3)), contiguous(cos), contiguous(sin))
    return y.transpose(0, 2, 1, 3)


@helper()
def _rotate_row(x, cos, sin, y):
    half = cos.size
    first, second, rest = x[:half], x[half : 2 * half], x[2 * half :]
    y_first, y_second, y_rest = y[:half], y[half : 2 * half], y[2 * half :]
    # Two loops: for one that writes both halves the compiler would need too many tests.
    for i in range(half):
        y_first[i] = first[i] * cos[i] - second[i] * sin[i]
    for i in range(half):
        y_second[i] = first[i] * sin[i] + second[i] * cos[i]
    for i in range(rest.size):
        y_rest[i] = rest[i]


@kernel(parallel_from=200_000)
def _rotate(y, x, strides, cos, sin):
    n_batch, n_query, n_head, head_size = y.shape
    for n in prange(n_batch * n_query):
        b, t = n // n_query, n % n_query
        for h in range(n_head):
            at = b * strides[0] + t * strides[1] + h * strides[2]
            _rotate_row(x[at : at + head_size], cos[t], sin[t], y[b, t, h])
