"""Compiled twin of `minilm.reference.adamw`: one pass through memory, on all threads."""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

from numba import prange
from numpy.typing import NDArray

from minilm.kernels.exponential import like
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import CHUNK

__all__ = ["step"]


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
    decay = real(1 - float(learning_rate) * weight_decay)
    size = real(float(learning_rate) / (1 - beta1**step))
    root = real(math.sqrt(1 - beta2**step))
    factors = (decay, size, root, real(beta1), real(1 - beta1), real(beta2), real(1 - beta2))
    _step(values, gradients, m, v, n_decay, *factors, real(eps), real(scale))


@helper()
def _update(p, g, m, v, decay, size, root, b1, c1, b2, c2, eps, scale):
    for i in range(p.size):
        gradient = g[i] * scale
        m[i] = b1 * m[i] + c1 * gradient
        v[i] = b2 * v[i] + c2 * (gradient * gradient)
        p[i] = p[i] * decay - size * (m[i] / (math.sqrt(v[i]) / root + eps))


@kernel(parallel_from=100_000)
def _step(p, g, m, v, n_decay, decay, size, root, b1, c1, b2, c2, eps, scale):
    for k in prange((p.size + CHUNK - 1) // CHUNK):
        # The prefix that decays may end inside a chunk.
        cut = min(max(n_decay, k * CHUNK), (k + 1) * CHUNK)
        for part in range(2):
            s = slice(k * CHUNK, cut) if part == 0 else slice(cut, (k + 1) * CHUNK)
            factor = decay if part == 0 else like(decay, 1)
            _update(p[s], g[s], m[s], v[s], factor, size, root, b1, c1, b2, c2, eps, scale)
