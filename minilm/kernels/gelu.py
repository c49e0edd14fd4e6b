"""Compiled twin of `minilm.reference.gelu`."""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels.exponential import exp, like, sigmoid, times_sigmoid
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import CHUNK, chunk
from minilm.reference.gelu import CUBIC, LARGEST, SQRT_2_OVER_PI, Saved

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
    y = aligned.empty(flat.shape, flat.dtype)
    (_forward if approximate == "tanh" else _forward_exact)(flat, y)
    return y.reshape(x.shape), Saved(x, approximate)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx like x."""
    x, approximate = saved
    flat = np.ascontiguousarray(x).reshape(-1)
    dx = aligned.empty(flat.shape, flat.dtype)
    run = _backward if approximate == "tanh" else _backward_exact
    run(np.ascontiguousarray(dy).reshape(-1), flat, dx)
    return dx.reshape(x.shape)


@helper()
def _forward_chunk(x, y):
    for i in range(x.size):
        u2 = x[i] * (like(x[i], _SLOPE) + like(x[i], _SLOPE * CUBIC) * (x[i] * x[i]))
        y[i] = times_sigmoid(x[i], u2)


@kernel(parallel_from=200_000)
def _forward(x, y):
    for k in prange((x.size + CHUNK - 1) // CHUNK):
        s = chunk(k, CHUNK)
        _forward_chunk(x[s], y[s])


@helper(exact=True)
def _derivative(x):
    # Beyond LARGEST it has reached 0 or 1, and x^2 might overflow. NaN > ... is false: x^2 stays.
    square = like(x, LARGEST**2) if x * x > like(x, LARGEST**2) else x * x
    slope, cubic = like(x, _SLOPE), like(x, _SLOPE * CUBIC) * square
    s, slope_of_s = sigmoid(x * (slope + cubic))
    return s + x * (slope_of_s * (slope + like(x, 3) * cubic))


@helper()
def _backward_chunk(dy, x, dx):
    for i in range(x.size):
        dx[i] = dy[i] * _derivative(x[i])


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
