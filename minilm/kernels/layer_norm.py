"""Compiled twin of `minilm.reference.layer_norm`: each row is read from memory once."""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.exponential import like
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import add_parts, chunk, rows, rows_per_part
from minilm.reference.layer_norm import Saved

__all__ = ["Saved", "backward", "forward"]


def forward(
    x: NDArray, weight: NDArray, bias: NDArray | None = None, eps: float = 1e-5
) -> tuple[NDArray, Saved]:
    """Normalise the last axis of x (..., C); returns y like x."""
    flat = rows(x)
    y = np.empty_like(flat)
    mean, rstd = np.empty((2, len(flat)), x.dtype)
    shift = np.zeros_like(weight) if bias is None else bias
    _forward(flat, weight, shift, x.dtype.type(eps), y, mean, rstd)
    shape = x.shape[:-1]
    saved = Saved(x, weight, mean.reshape(shape), rstd.reshape(shape), bias is not None)
    return y.reshape(x.shape), saved


def backward(dy: NDArray, saved: Saved) -> tuple[NDArray, NDArray, NDArray | None]:
    """Returns dx (..., C), dweight (C,) and dbias (C,), or None without a bias."""
    x, weight, mean, rstd, has_bias = saved
    flat = rows(x)
    dx = np.empty_like(flat)
    sums = np.empty((2, x.shape[-1]), x.dtype)
    _backward(rows(dy), flat, weight, mean.reshape(-1), rstd.reshape(-1), dx, sums.reshape(-1))
    dweight, dbias = sums
    return dx.reshape(x.shape), dweight, dbias if has_bias else None


@helper()
def _forward_row(x, weight, bias, eps, y):
    count = like(eps, x.size)
    total = like(eps, 0)
    for c in range(x.size):
        total += x[c]
    mean = total / count
    square = like(eps, 0)
    for c in range(x.size):
        square += (x[c] - mean) * (x[c] - mean)
    rstd = like(eps, 1) / math.sqrt(square / count + eps)
    for c in range(x.size):
        y[c] = (x[c] - mean) * rstd * weight[c] + bias[c]
    return mean, rstd


@kernel(parallel_from=200_000)
def _forward(x, weight, bias, eps, y, mean, rstd):
    for i in prange(len(x)):
        mean[i], rstd[i] = _forward_row(x[i], weight, bias, eps, y[i])


@helper()
def _backward_row(dy, x, weight, mean, rstd, dx, dweight, dbias):
    mean_g, mean_gx = like(mean, 0), like(mean, 0)
    for c in range(x.size):
        g = dy[c] * weight[c]
        mean_g += g
        mean_gx += g * ((x[c] - mean) * rstd)
    mean_g /= like(mean, x.size)
    mean_gx /= like(mean, x.size)
    for c in range(x.size):
        x_hat = (x[c] - mean) * rstd
        dx[c] = rstd * (dy[c] * weight[c] - mean_g - x_hat * mean_gx)
    for c in range(x.size):
        dweight[c] += dy[c] * ((x[c] - mean) * rstd)
        dbias[c] += dy[c]


@helper()
def _backward_rows(dy, x, weight, mean, rstd, dx, dweight, dbias):
    dweight[:] = 0
    dbias[:] = 0
    for i in range(len(x)):
        _backward_row(dy[i], x[i], weight, mean[i], rstd[i], dx[i], dweight, dbias)


@kernel(parallel_from=80_000)
def _backward(dy, x, weight, mean, rstd, dx, sums):
    size, n_channels = rows_per_part(len(x)), weight.size
    parts = np.empty(((len(x) + size - 1) // size, 2 * n_channels), x.dtype)
    for k in prange(len(parts)):
        s = chunk(k, size)
        dweight, dbias = parts[k, :n_channels], parts[k, n_channels:]
        _backward_rows(dy[s], x[s], weight, mean[s], rstd[s], dx[s], dweight, dbias)
    add_parts(parts, sums)
