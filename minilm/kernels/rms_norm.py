"""Compiled twin of `minilm.reference.rms_norm`: each row is read from memory once."""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels.exponential import like
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import BLOCK, add, add_parts, rows, rows_per_part
from minilm.reference.rms_norm import Saved

__all__ = ["Saved", "backward", "forward"]


def forward(x: NDArray, weight: NDArray, eps: float = 1e-5) -> tuple[NDArray, Saved]:
    """Normalise the last axis of x (..., C); returns y like x."""
    flat = rows(x)
    y = aligned.empty(flat.shape, flat.dtype)
    rstd = np.empty(len(flat), x.dtype)
    _forward(flat, weight, float(eps), y, rstd)
    return y.reshape(x.shape), Saved(x, weight, rstd.reshape(x.shape[:-1]))


def backward(dy: NDArray, saved: Saved, onto: NDArray | None = None) -> tuple[NDArray, NDArray]:
    """Returns dx (..., C), added to `onto` (..., C) if given, and dweight (C,)."""
    x, weight, rstd = saved
    flat = rows(x)
    dx, dweight = aligned.empty(flat.shape, flat.dtype), np.empty_like(weight)
    before = rows(onto) if onto is not None else dx[:0]
    _backward(rows(dy), flat, weight, rstd.reshape(-1), before, dx, dweight)
    return dx.reshape(x.shape), dweight


@helper()
def _forward_row(x, weight, eps, y):
    square = 0.0
    for c in range(x.size):
        square += np.float64(x[c]) * np.float64(x[c])
    rstd = like(x[0], 1 / math.sqrt(square / x.size + eps))
    for c in range(x.size):
        y[c] = x[c] * rstd * weight[c]
    return rstd


@kernel(parallel_from=200_000)
def _forward(x, weight, eps, y, rstd):
    for i in prange(len(x)):
        rstd[i] = _forward_row(x[i], weight, eps, y[i])


@helper()
def _backward_row(dy, x, weight, rstd, dx, dweight):
    mean_gx = like(rstd, 0)
    for c in range(x.size):
        mean_gx += dy[c] * weight[c] * (x[c] * rstd)
    mean_gx /= like(rstd, x.size)
    for c in range(x.size):
        x_hat = x[c] * rstd
        dx[c] = rstd * (dy[c] * weight[c] - x_hat * mean_gx)
        dweight[c] += dy[c] * x_hat


@kernel(parallel_from=10_000, long=3)
def _backward(dy, x, weight, rstd, onto, dx, dweight):
    size = rows_per_part(len(x))
    parts = np.zeros((2, (len(x) + size - 1) // size, weight.size), x.dtype)
    for k in prange(parts.shape[1]):
        for first in range(k * size, min((k + 1) * size, len(x)), BLOCK):
            s = slice(first, min(first + BLOCK, (k + 1) * size))
            # Of an empty onto every slice is empty.
            _backward_rows(dy[s], x[s], weight, rstd[s], onto[s], dx[s], parts[1, k])
            add(parts[1, k], parts[0, k])
    add_parts(parts[0], dweight)


@helper()
def _backward_rows(dy, x, weight, rstd, onto, dx, dweight):
    dweight[:] = 0
    for i in range(len(x)):
        _backward_row(dy[i], x[i], weight, rstd[i], dx[i], dweight)
        if len(onto):
            add(onto[i], dx[i])
