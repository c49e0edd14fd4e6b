"""Compiled twin of `minilm.reference.embedding`. NumPy is best at the look-up itself.

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
from minilm.reference.embedding import Saved, forward

__all__ = ["Saved", "backward", "forward"]

_COLUMNS = 64  # channels of one range: whole cache lines in float32


def backward(dy: NDArray, saved: Saved, out: NDArray | None = None) -> NDArray:
    """Returns dweight (V, C), added into `out` if given."""
    ids, shape = saved
    dweight = np.zeros(shape, dy.dtype) if out is None else out
    added = dweight if dweight.flags.c_contiguous else dweight.copy()
    _backward(rows(dy), ids.astype(np.int64).reshape(-1), added)
    if added is not dweight:
        dweight[...] = added
    return dweight


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
