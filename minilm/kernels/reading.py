"""How fast memory is read: a sum that touches every number once and computes next to nothing."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import chunk

__all__ = ["total"]

_PART = 2**18  # numbers that one iteration reads: 1 MB


@helper()
def _sum(x):
    total = np.float32(0)
    for i in range(x.size):
        total += x[i]
    return total


@kernel(parallel_from=1)
def _total(x, sums):
    for k in prange(sums.size):
        sums[k] = _sum(x[chunk(k, _PART)])


def total(x: NDArray[np.float32]) -> float:
    """The sum of x (N,), in float32 per megabyte, by all threads.

    Examples
    --------
    >>> total(np.ones(1000, np.float32))
    1000.0
    """
    sums = np.zeros(-(-x.size // _PART))
    _total(x, sums)
    return float(sums.sum())
