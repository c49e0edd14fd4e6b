"""How the kernels see their arrays: one memory layout, so one compiled signature; and
how their work is cut into chunks."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from minilm.kernels.jit import helper

__all__ = ["CHUNK", "add_parts", "chunk", "is_regular", "memory", "plain", "rows", "rows_per_part"]

CHUNK = 8192  # elements that one iteration of an element-wise kernel takes: 32 kB, L1
BLOCK = 32  # rows that are summed before their sum goes into a larger one


def rows(x: NDArray) -> NDArray:
    """x (..., C) as a C-contiguous (N, C): a view if x is contiguous, else a copy.

    Examples
    --------
    >>> rows(np.zeros((2, 3, 4))).shape
    (6, 4)
    """
    n_channels = x.shape[-1]
    n_rows = x.size // n_channels if n_channels else 0
    return np.ascontiguousarray(x).reshape(n_rows, n_channels)


def memory(x: NDArray) -> tuple[NDArray, tuple[int, ...]]:
    """The memory that x spans, as one contiguous axis, and the strides of x in elements.

    Element (i, j, ..., c) of x is element ``i * s[0] + j * s[1] + ... + c`` of that axis;
    the last axis of x is known to be contiguous then, which a general view is not. x is
    copied if its last axis is not contiguous or a stride is negative.

    Examples
    --------
    >>> fused = np.arange(24).reshape(2, 3, 4)
    >>> axis, strides = memory(fused[:, :, 2:].transpose(1, 0, 2))
    >>> strides, bool(axis[2 * strides[0] + 1 * strides[1] + 1] == fused[1, 2, 3])
    ((4, 12, 1), True)
    """
    if not is_regular(x):
        x = np.array(x, order="C")
    strides = tuple(s // x.itemsize for s in x.strides)
    if x.flags.c_contiguous:
        return x.reshape(-1), strides
    length = 1 + sum((n - 1) * s for n, s in zip(x.shape, strides, strict=True))
    return as_strided(x, (length,), (x.itemsize,)), strides


def is_regular(x: NDArray) -> bool:
    """Whether `memory` can show x itself and needs no copy."""
    size = x.itemsize
    return x.strides[-1] == size and all(s >= 0 and s % size == 0 for s in x.strides)


def plain(x: NDArray, dtype: DTypeLike | None = None) -> NDArray:
    """x, or a copy of it, for kernels that go by its strides: of that dtype, whole numbers
    of elements from one to the next and never backwards, and not marked as read-only, which
    would be a type of its own.

    Examples
    --------
    >>> x = np.zeros((2, 3))
    >>> plain(x.T).base is x, plain(x[:, ::-1]).strides
    (True, (24, 8))
    """
    if x.flags.carray and (dtype is None or x.dtype == dtype):  # as most are
        return x
    size = x.itemsize
    regular = (
        x.flags.aligned and x.flags.writeable and all(s >= 0 and s % size == 0 for s in x.strides)
    )
    return x if regular and x.dtype == (dtype or x.dtype) else np.array(x, dtype, order="C")


@helper()
def chunk(k, size):
    """The k-th slice of `size` elements."""
    return slice(k * size, (k + 1) * size)


@helper()
def rows_per_part(n_rows):
    """How many rows share one partial sum: at least 16, and at most 32 parts in all.

    It depends on the number of rows only, so the sums do not depend on the threads.
    """
    return max(16, (n_rows + 31) // 32)


@helper()
def add(part, total):
    """total += part, both (C,)."""
    for c in range(total.size):
        total[c] += part[c]


@helper()
def add_parts(parts, total):
    """total (C,) = sum of parts (P, C), in order and in float64."""
    exact = np.zeros(total.size)
    for k in range(len(parts)):
        part = parts[k]
        for c in range(total.size):
            exact[c] += part[c]
    total[:] = exact
