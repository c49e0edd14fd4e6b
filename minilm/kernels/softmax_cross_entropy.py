"""Compiled twin of `minilm.reference.softmax_cross_entropy`: rows in parallel, each one
read into the cache once; backward can overwrite the logits."""

# mypy: allow-untyped-defs
from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.exponential import exp
from minilm.kernels.jit import helper, kernel
from minilm.kernels.pairs import less, split
from minilm.reference.softmax_cross_entropy import Saved, coefficients

__all__ = ["Saved", "backward", "forward"]

BLOCK = 512  # logits whose exponentials are kept until they are added up


def forward(
    logits: NDArray,
    targets: NDArray,
    weights: NDArray | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    normalizer: float | None = None,
) -> tuple[float, Saved]:
    """The loss in nats per target; `saved.nll` has it for each row, unweighted.

    Raises
    ------
    IndexError
        If a target is neither in 0..V-1 nor `ignore_index`.
    """
    coefficient = coefficients(logits, targets, weights, ignore_index, normalizer)
    labels = np.where(targets == ignore_index, -1, targets).astype(np.int64)
    nll, uniform = np.zeros((2, len(labels)), logits.dtype)
    lse = np.zeros(len(labels))
    _forward(np.ascontiguousarray(logits), labels, label_smoothing != 0, lse, nll, uniform)

    row_loss = nll
    if label_smoothing:
        row_loss = (1 - label_smoothing) * nll + label_smoothing * uniform
    if z_loss:
        row_loss = row_loss + z_loss * (lse * lse)
    # Not left to the coefficient 0: beside an ignored row stands 0, whatever it holds.
    loss = float(np.sum(coefficient * row_loss, dtype=np.float64))
    saved = Saved(logits, targets, coefficient, lse, nll, ignore_index, label_smoothing, z_loss)
    return loss, saved


def backward(dloss: float, saved: Saved, out: NDArray | None = None) -> NDArray:
    """Returns dlogits (N, V), written into `out` if given, which may be the logits."""
    logits, targets, coefficient, lse, _, ignore_index, label_smoothing, z_loss = saved
    real = logits.dtype.type
    labels = np.where(targets == ignore_index, -1, targets).astype(np.int64)
    scale = (float(dloss) * coefficient).astype(logits.dtype)
    of_p = scale if not z_loss else scale * (1 + 2 * z_loss * lse)

    source = np.ascontiguousarray(logits)
    dlogits = np.empty_like(source) if out is None else out
    # The kernel works in place: then what it writes cannot overlap what it reads, and the
    # compiler uses vectors. A layout it cannot take goes by way of a copy.
    in_place = out is logits and source is logits
    usable = in_place or (dlogits.flags.c_contiguous and not np.may_share_memory(dlogits, source))
    target = dlogits if usable else np.empty_like(source)
    smoothing = real(label_smoothing / logits.shape[1]), real(1 - label_smoothing)
    _backward(target, source, labels, lse, of_p.astype(logits.dtype), scale, *smoothing)
    if target is not dlogits:
        dlogits[...] = target
    return dlogits


@helper()
def _largest(x):
    """The largest element (a NaN among others is passed over)."""
    # Four chains of comparisons: one alone would wait for its own result each time.
    m0 = m1 = m2 = m3 = x[0]
    for block in range(x.size // 4):
        i = 4 * block
        m0 = x[i] if x[i] > m0 else m0
        m1 = x[i + 1] if x[i + 1] > m1 else m1
        m2 = x[i + 2] if x[i + 2] > m2 else m2
        m3 = x[i + 3] if x[i + 3] > m3 else m3
    for i in range(x.size // 4 * 4, x.size):
        m0 = x[i] if x[i] > m0 else m0
    m0 = m1 if m1 > m0 else m0
    m2 = m3 if m3 > m2 else m2
    return m2 if m2 > m0 else m0


@helper()
def _sum_exp(x, m, e):
    """The sum of exp(x - m), in float64; e (BLOCK,) is room to work in."""
    total = 0.0
    for first in range(0, x.size, BLOCK):
        part = x[first : first + BLOCK]
        # Two loops: in one the exponential, too, would have the few lanes of a float64.
        for v in range(part.size):
            e[v] = exp(part[v] - m)
        for v in range(part.size):
            total += e[v]
    return total


@helper()
def _forward_row(x, label, smooth, e):
    """lse, nll and the mean of -log p over all labels (0 unless `smooth`)."""
    m = _largest(x)
    log_total = math.log(_sum_exp(x, m, e))
    uniform = 0.0
    if smooth:
        for v in range(x.size):
            uniform += x[v] - m
        uniform = log_total - uniform / x.size
    return m + log_total, _surprise(log_total, x[label], m), uniform


@helper(exact=True)
def _surprise(log_total, logit, m):
    # In this order. As (m + log_total) - logit it would lose the digits of a small loss.
    return log_total - (logit - m)


@kernel(parallel_from=150_000)
def _forward(logits, labels, smooth, lse, nll, uniform):
    n_rows = 1 + 8 * BLOCK // max(1, logits.shape[1])
    for k in prange((labels.size + n_rows - 1) // n_rows):
        e = np.empty(BLOCK, logits.dtype)
        for i in range(k * n_rows, min((k + 1) * n_rows, labels.size)):
            if labels[i] >= 0:
                lse[i], nll[i], uniform[i] = _forward_row(logits[i], labels[i], smooth, e)


@helper()
def _backward_row(x, lse, of_p, shift):
    high, low = split(lse, of_p)
    for v in range(x.size):
        x[v] = exp(less(x[v], high, low)) * of_p - shift


@kernel(parallel_from=250_000)
def _backward(out, logits, labels, lse, of_p, scale, uniform, spike):
    in_place = out.ctypes.data == logits.ctypes.data
    for i in prange(labels.size):
        row = out[i]
        if labels[i] < 0:
            row[:] = 0
        else:
            if not in_place:
                row[:] = logits[i]
            _backward_row(row, lse[i], of_p[i], scale[i] * uniform)
            row[labels[i]] -= scale[i] * spike
