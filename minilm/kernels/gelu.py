r"""Compiled twin of `minilm.reference.gelu`.

The tanh form is written with a sigmoid, (1 + tanh u) / 2 = sigmoid(2u): one exponential,
and no cancellation for negative u. Its derivative in x is then

    s + x * s * (1 - s) * 2u',    s = sigmoid(2u)
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.exponential import exp, like, sigmoid
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import CHUNK, chunk
from minilm.reference.gelu import CUBIC, SQRT_2_OVER_PI, Saved

__all__ = ["Saved", "backward", "forward"]

_SLOPE = 2 * SQRT_2_OVER_PI
_SQRT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)


def forward(x: NDArray, approximate: str = "tanh") -> tuple[NDArray, Saved]:
    """Returns y like x.

    Raises
    ------
    ValueError
        If `approximate` is neither "tanh" nor "none".
    """
    if approximate not in ("tanh", "none"):
        raise ValueError(f'approximate must be "tanh" or "none", not {approximate!r}')
    flat = np.ascontiguousarray(x).reshape(-1)
    y = np.empty_like(flat)
    (_forward if approximate == "tanh" else _forward_exact)(flat, y)
    return y.reshape(x.shape), Saved(x, approximate)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx like x."""
    x, approximate = saved
    flat = np.ascontiguousarray(x).reshape(-1)
    dx = np.empty_like(flat)
    run = _backward if approximate == "tanh" else _backward_exact
    run(np.ascontiguousarray(dy).reshape(-1), flat, dx)
    return dx.reshape(x.shape)


@helper()
def _forward_chunk(x, y):
    for i in range(x.size):
        u2 = like(x[i], _SLOPE) * x[i] * (like(x[i], 1) + like(x[i], CUBIC) * (x[i] * x[i]))
        s, _ = sigmoid(u2)
        y[i] = x[i] * s


@kernel(parallel_from=200_000)
def _forward(x, y):
    for k in prange((x.size + CHUNK - 1) // CHUNK):
        s = chunk(k, CHUNK)
        _forward_chunk(x[s], y[s])


@helper()
def _backward_chunk(dy, x, dx):
    for i in range(x.size):
        one = like(x[i], 1)
        cubic = like(x[i], CUBIC) * (x[i] * x[i])
        slope = like(x[i], _SLOPE)
        s, slope_of_s = sigmoid(slope * x[i] * (one + cubic))
        slope_of_u2 = slope * (one + like(x[i], 3) * cubic)
        dx[i] = dy[i] * (s + x[i] * slope_of_s * slope_of_u2)


@kernel(parallel_from=150_000)
def _backward(dy, x, dx):
    for k in prange((x.size + CHUNK - 1) // CHUNK):
        s = chunk(k, CHUNK)
        _backward_chunk(dy[s], x[s], dx[s])


@helper()
def _normal_cdf(x):
    return like(x, 0.5) * math.erfc(-x * like(x, _SQRT_HALF))


@kernel(parallel_from=10_000)
def _forward_exact(x, y):
    for i in prange(x.size):
        y[i] = x[i] * _normal_cdf(x[i])


@kernel(parallel_from=10_000)
def _backward_exact(dy, x, dx):
    for i in prange(x.size):
        density = like(x[i], _DENSITY) * exp(like(x[i], -0.5) * (x[i] * x[i]))
        dx[i] = dy[i] * (_normal_cdf(x[i]) + x[i] * density)
