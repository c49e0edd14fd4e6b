"""Arrays that begin where a line of the cache does.

A vector of 64 bytes that lies across two lines is loaded from both, at half the rate, and a
register of the matrix unit (AMX) takes sixteen of them: packed factors in bfloat16 are
multiplied at 2500 GFLOP/s a core if they begin with a line, and at 700 if not. Memory from the
system begins 16 bytes behind one.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["LINE", "WORTH", "empty", "zeros"]

LINE = 64  # bytes
WORTH = 16_384  # bytes: to align takes 1 us, which so few do not give back


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """`numpy.empty`, from the beginning of a line on if it has `WORTH` bytes.

    Examples
    --------
    >>> empty((64, 64), np.float32).ctypes.data % LINE
    0
    """
    return _array(np.empty, shape, dtype)


def zeros(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """`numpy.zeros`, from the beginning of a line on if it has `WORTH` bytes."""
    return _array(np.zeros, shape, dtype)


def _array(make: Callable[..., NDArray], shape: tuple[int, ...], dtype: DTypeLike) -> NDArray:
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size < WORTH:
        return make(shape, kind)
    memory = make(size + LINE, np.uint8)
    first = -ctypes.addressof(ctypes.c_char.from_buffer(memory.data)) % LINE  # faster than .ctypes
    return np.ndarray(shape, kind, memory, first)
