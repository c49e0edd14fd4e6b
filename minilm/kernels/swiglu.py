"""Compiled twin of `minilm.reference.swiglu`: one pass through memory, row by row."""

# mypy: allow-untyped-defs
from __future__ import annotations

from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels.exponential import exp, like, times_sigmoid
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import rows
from minilm.reference.swiglu import Saved

__all__ = ["Saved", "backward", "forward"]


def forward(x: NDArray) -> tuple[NDArray, Saved]:
    """Returns y (..., F) of x (..., 2F).

    Raises
    ------
    ValueError
        If the last axis of x has an odd number of channels.
    """
    if x.shape[-1] % 2:
        raise ValueError(f"swiglu splits the channels in two halves; {x.shape[-1]} is odd")
    flat = rows(x)
    y = aligned.empty((len(flat), x.shape[-1] // 2), x.dtype)
    _forward(flat, y)
    return y.reshape(*x.shape[:-1], y.shape[1]), Saved(x)


def backward(dy: NDArray, saved: Saved) -> NDArray:
    """Returns dx (..., 2F)."""
    flat = rows(saved.x)
    dx = aligned.empty(flat.shape, flat.dtype)
    _backward(rows(dy), flat, dx)
    return dx.reshape(saved.x.shape)


@helper()
def _forward_row(gate, up, y):
    for c in range(y.size):
        y[c] = times_sigmoid(gate[c], gate[c]) * up[c]


@kernel(parallel_from=200_000)
def _forward(x, y):
    half = y.shape[1]
    for i in prange(len(x)):
        _forward_row(x[i, :half], x[i, half:], y[i])


@helper(exact=True)
def _gradients(dy, gate, up):
    one = like(gate, 1)
    total = one + exp(-gate)
    s = one / total
    return dy * (up * (s * (one + gate * (one - s)))), dy * (gate / total)


@helper()
def _backward_row(dy, gate, up, dgate, dup):
    for c in range(dy.size):
        dgate[c], dup[c] = _gradients(dy[c], gate[c], up[c])


@kernel(parallel_from=80_000)
def _backward(dy, x, dx):
    half = dy.shape[1]
    for i in prange(len(x)):
        _backward_row(dy[i], x[i, :half], x[i, half:], dx[i, :half], dx[i, half:])
