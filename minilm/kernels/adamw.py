"""Compiled twin of `minilm.reference.adamw`: one pass through memory, on all threads."""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.exponential import like
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import CHUNK

__all__ = ["clear", "norm", "step"]

PIECE = 2**20  # elements: a pass that only writes is fast in long runs


def clear(gradients: NDArray) -> None:
    """Set all of gradients (N,), contiguous, to zero."""
    _clear(gradients)


def norm(gradients: NDArray) -> float:
    """The Euclidean norm of gradients (N,), contiguous."""
    return math.sqrt(_sum_of_squares(gradients))


def step(
    values: NDArray,
    gradients: NDArray,
    m: NDArray,
    v: NDArray,
    *,
    step: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    n_decay: int,
    scale: float = 1.0,
) -> None:
    """Update values, m and v (N,), all contiguous, in place; `step` counts from 1.

    Raises
    ------
    ValueError
        If `step` is less than 1: the corrections would divide by zero.
    """
    if step < 1:
        raise ValueError(f"step counts from 1, not from {step}")
    real = values.dtype.type
    decay = real(float(learning_rate) * weight_decay)
    size = real(float(learning_rate) / (1 - beta1**step))
    correction = real(1 / math.sqrt(1 - beta2**step))
    factors = (decay, size, correction, real(1 - beta1), real(1 - beta2), real(eps), real(scale))
    _step(values, gradients, m, v, n_decay, *factors)


@helper(exact=True)
def _update(p, g, m, v, decay, size, correction, c1, c2, eps, scale):
    half, one = like(decay, 0.5), like(decay, 1)
    for i in range(p.size):
        gradient = g[i] * scale
        square = (c2 * gradient) * gradient  # in this order it overflows only if v itself does
        # beta as 1 - c, as in the reference. The first form rounds less; the second, exact
        # from c = 1/2 on, keeps a small gradient that takes the place of a large average.
        if c1 < half:
            m[i] += c1 * (gradient - m[i])
        else:
            m[i] = (one - c1) * m[i] + c1 * gradient
        if c2 < half:
            v[i] += square - c2 * v[i]
        else:
            v[i] = (one - c2) * v[i] + square
        p[i] -= decay * p[i] + size * (m[i] / (math.sqrt(v[i]) * correction + eps))


@kernel(parallel_from=100_000)
def _clear(x):
    for k in prange((x.size + PIECE - 1) // PIECE):
        x[k * PIECE : (k + 1) * PIECE] = 0


@kernel(parallel_from=100_000)
def _sum_of_squares(x):
    parts = np.zeros((x.size + CHUNK - 1) // CHUNK)
    for k in prange(parts.size):
        part, total = x[k * CHUNK : (k + 1) * CHUNK], like(x[0], 0)
        for i in range(part.size):
            total += part[i] * part[i]
        parts[k] = total
    exact = 0.0
    for k in range(parts.size):
        exact += parts[k]
    return exact


@kernel(parallel_from=100_000)
def _step(p, g, m, v, n_decay, decay, size, correction, c1, c2, eps, scale):
    for k in prange((p.size + CHUNK - 1) // CHUNK):
        # The prefix that decays may end inside a chunk.
        cut = min(max(n_decay, k * CHUNK), (k + 1) * CHUNK)
        for part in range(2):
            s = slice(k * CHUNK, cut) if part == 0 else slice(cut, (k + 1) * CHUNK)
            factor = decay if part == 0 else like(decay, 0)
            _update(p[s], g[s], m[s], v[s], factor, size, correction, c1, c2, eps, scale)
