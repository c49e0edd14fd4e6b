"""Compiled twin of `minilm.reference.layer_norm`: each row is read from memory once."""

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
from minilm.kernels.pairs import less, split
from minilm.reference.layer_norm import Saved

__all__ = ["Saved", "backward", "forward"]


def forward(
    x: NDArray, weight: NDArray, bias: NDArray | None = None, eps: float = 1e-5
) -> tuple[NDArray, Saved]:
    """Normalise the last axis of x (..., C); returns y like x."""
    flat = rows(x)
    y = aligned.empty(flat.shape, flat.dtype)
    mean, rstd = np.empty(len(flat)), np.empty(len(flat), x.dtype)
    shift = np.zeros_like(weight) if bias is None else bias
    _forward(flat, weight, shift, float(eps), y, mean, rstd)
    shape = x.shape[:-1]
    saved = Saved(x, weight, mean.reshape(shape), rstd.reshape(shape), bias is not None)
    return y.reshape(x.shape), saved


def backward(
    dy: NDArray, saved: Saved, onto: NDArray | None = None
) -> tuple[NDArray, NDArray, NDArray | None]:
    """Returns dx (..., C), dweight (C,) and dbias (C,), or None without a bias.

    `onto` (..., C): what dx is added to.
    """
    x, weight, mean, rstd, has_bias = saved
    flat = rows(x)
    dx = aligned.empty(flat.shape, flat.dtype)
    sums = np.empty((2, x.shape[-1]), x.dtype)
    before = rows(onto) if onto is not None else dx[:0]
    _backward(
        rows(dy), flat, weight, mean.reshape(-1), rstd.reshape(-1), before, dx, sums.reshape(-1)
    )
    dweight, dbias = sums
    return dx.reshape(x.shape), dweight, dbias if has_bias else None


@helper()
def _forward_row(x, weight, bias, eps, y):
    total, square = 0.0, 0.0
    for c in range(x.size):
        total += x[c]
    mean = total / x.size
    high, low = split(mean, x[0])
    for c in range(x.size):
        y[c] = less(x[c], high, low)
    for c in range(x.size):
        square += np.float64(y[c]) * np.float64(y[c])
    rstd = like(x[0], 1 / math.sqrt(square / x.size + eps))
    for c in range(x.size):
        y[c] = y[c] * rstd * weight[c] + bias[c]
    return mean, rstd


@kernel(parallel_from=200_000)
def _forward(x, weight, bias, eps, y, mean, rstd):
    for i in prange(len(x)):
        mean[i], rstd[i] = _forward_row(x[i], weight, bias, eps, y[i])


@helper(exact=True)
def _input_gradient(g, x_hat, rstd, mean_g, mean_gx):
    # Exact, since -x_hat, once regrouped, would be (high + low) - x.
    return rstd * ((g - mean_g) - x_hat * mean_gx)


@helper()
def _backward_row(dy, x, weight, mean, rstd, dx, dweight, dbias):
    high, low = split(mean, rstd)
    mean_g, mean_gx = like(rstd, 0), like(rstd, 0)
    for c in range(x.size):
        g = dy[c] * weight[c]
        mean_g += g
        mean_gx += g * (less(x[c], high, low) * rstd)
    mean_g /= like(rstd, x.size)
    mean_gx /= like(rstd, x.size)
    for c in range(x.size):
        x_hat = less(x[c], high, low) * rstd
        dx[c] = _input_gradient(dy[c] * weight[c], x_hat, rstd, mean_g, mean_gx)
    for c in range(x.size):
        dweight[c] += dy[c] * (less(x[c], high, low) * rstd)
        dbias[c] += dy[c]


@helper()
def _backward_rows(dy, x, weight, mean, rstd, onto, dx, dweight, dbias):
    dweight[:] = 0
    dbias[:] = 0
    for i in range(len(x)):
        _backward_row(dy[i], x[i], weight, mean[i], rstd[i], dx[i], dweight, dbias)
        if len(onto):
            add(onto[i], dx[i])


@kernel(parallel_from=10_000, long=4)
def _backward(dy, x, weight, mean, rstd, onto, dx, sums):
    size, n_channels = rows_per_part(len(x)), weight.size
    parts = np.zeros((2, (len(x) + size - 1) // size, 2 * n_channels), x.dtype)
    for k in prange(parts.shape[1]):
        dweight, dbias = parts[1, k, :n_channels], parts[1, k, n_channels:]
        for first in range(k * size, min((k + 1) * size, len(x)), BLOCK):
            s = slice(first, min(first + BLOCK, (k + 1) * size))
            # Of an empty onto every slice is empty.
            _backward_rows(dy[s], x[s], weight, mean[s], rstd[s], onto[s], dx[s], dweight, dbias)
            add(parts[1, k], parts[0, k])
    add_parts(parts[0], sums)
