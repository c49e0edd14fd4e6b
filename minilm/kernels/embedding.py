"""Compiled twin of `minilm.reference.embedding`.

Backward adds the rows of equal ids in the order of their positions. Each thread owns a
range of channels, not of positions: so no two threads ever add to the same number, and
the sums do not depend on the threads.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import rows
from minilm.reference.embedding import Saved

__all__ = ["Saved", "backward", "forward"]

_COLUMNS = 64  # channels of one range: whole cache lines in float32


def forward(ids: NDArray, weight: NDArray) -> tuple[NDArray, Saved]:
    """Look up one row of the table for each id; returns y (..., C).

    Raises
    ------
    IndexError
        If an id is not in 0..V-1.
    """
    n_rows, n_channels = weight.shape
    if ids.size and not 0 <= ids.min() <= ids.max() < n_rows:
        raise IndexError(f"ids span {ids.min()}..{ids.max()}, the table has rows 0..{n_rows - 1}")
    y = np.empty((ids.size, n_channels), weight.dtype)
    _forward(y, np.ascontiguousarray(weight), ids.astype(np.int64).reshape(-1))
    return y.reshape(*ids.shape, n_channels), Saved(ids, (n_rows, n_channels))


def backward(dy: NDArray, saved: Saved, out: NDArray | None = None) -> NDArray:
    """Returns dweight (V, C), added into `out` if given."""
    ids, shape = saved
    dweight = np.zeros(shape, dy.dtype) if out is None else out
    added = dweight if dweight.flags.c_contiguous else dweight.copy()
    _backward(rows(dy), ids.astype(np.int64).reshape(-1), added)
    if added is not dweight:
        dweight[...] = added
    return dweight


@kernel(parallel_from=400_000)
def _forward(y, weight, ids):
    for i in prange(ids.size):
        y[i] = weight[ids[i]]


@helper()
def _add(row, total):
    for c in range(row.size):
        total[c] += row[c]


@kernel(parallel_from=300_000)
def _backward(dy, ids, dweight):
    for k in prange((dy.shape[1] + _COLUMNS - 1) // _COLUMNS):
        low, high = k * _COLUMNS, min((k + 1) * _COLUMNS, dy.shape[1])
        for i in range(ids.size):
            _add(dy[i, low:high], dweight[ids[i], low:high])
