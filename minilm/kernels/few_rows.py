"""Products of a few rows with a large matrix, as in generation: the matrix is read once.

    y[n, o] = sum_i x[n, i] weight[i, o] + bias[o]          up to `FEW_ROWS` rows n

A weight takes part in no more multiplications than there are rows. So reading the weights is
what counts: they are read in the order of memory, by all threads, and nothing is packed.

Stored by rows (i, o), the weights are cut into the chains of `product`, `CHAIN` rows i each,
which lie in one piece of memory. The sums of a chain grow row by row; at the end the chains
are added up in their order. So every element has the very bits that the tiles of `registers`
give: a token has the same values whether it comes alone or among many.

Stored by columns, as the table of embeddings that is also the head, each column takes part
in scalar products, whose order of summation is another but depends on the shape alone.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type,call-arg"
from __future__ import annotations

import functools

import numba
import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm.kernels.exponential import like
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import plain
from minilm.kernels.packing import ZERO, lanes
from minilm.kernels.product import CHAIN
from minilm.kernels.scratch import release, scratch
from minilm.kernels.streams import (
    STEPS,
    WIDTH,
    across_1,
    across_4,
    across_8,
    down_1,
    down_4,
    down_8,
)
from minilm.kernels.vectors import memory, part

__all__ = ["FEW_ROWS", "product", "suits"]

FEW_ROWS = 16
_GROUP = np.int64(8)  # rows whose sums are kept at once
_GAP = np.int64(48)  # numbers between rows of sums, lest all fall on the same lines of the cache


def suits(x: NDArray, weight: NDArray) -> bool:
    """Whether x (N, I) has so few rows, and the weight (I, O) is stored as `product` needs it."""
    return 0 < len(x) <= FEW_ROWS and x.shape[1] > 0 and weight.itemsize in weight.strides


def product(x: NDArray, weight: NDArray, y: NDArray, bias: NDArray | None = None) -> None:
    """y (N, O) = x (N, I) @ weight (I, O) + bias (O,), for arrays that `suits` allows.

    All of one dtype; x and y are C-contiguous.
    """
    size, n = weight.shape
    start = np.zeros((n,), x.dtype)
    if bias is not None:
        start[:] = bias
    x, weight = plain(x), plain(weight)
    threads = numba.get_num_threads()
    if weight.strides[1] == weight.itemsize:
        strips = _strips(-(-size // int(CHAIN)), n, threads)
        _by_rows(weight, x, y, start, strips)
    else:
        _by_columns(weight.T, x, y, start, 4 * threads)


@functools.cache
def _strips(chains: int, n: int, threads: int) -> int:
    """Into how many strips of columns the chains are cut, so that all threads have work.

    As few as keep them busy nine tenths of the time, and none below 256 columns.
    """
    strips = 1
    while n >= 512 * strips:
        rounds = -(-chains * strips // threads)
        if chains * strips >= 0.9 * rounds * threads:
            break
        strips += 1
    return strips


@helper()
def _down(x, x0, x_row, n_rows, w, w0, w_row, sums, s0, s_row, count):
    if n_rows == 1:
        down_1(x, x0, x_row, n_rows, w, w0, w_row, sums, s0, s_row, count)
    elif n_rows <= 4:
        down_4(x, x0, x_row, n_rows, w, w0, w_row, sums, s0, s_row, count)
    else:
        down_8(x, x0, x_row, n_rows, w, w0, w_row, sums, s0, s_row, count)


@helper(exact=True)
def _add(y, factor, x):
    for j in range(y.size):
        y[j] += factor * x[j]


@helper(apart=True)
def _chain(x, first, size, n_rows, w, w0, w_row, n_steps, sums, s0, s_row, n):
    """sums (n_rows, n) of n_steps rows of w from w0 on and the columns of x from `first` on."""
    block = WIDTH * lanes(x)
    full, taken = n // block * block, n_steps // STEPS * STEPS
    for r in range(n_rows):
        part(sums, s0 + r * s_row, n)[:] = 0
    for k in range(0, taken, STEPS):
        for r in range(0, n_rows, _GROUP):
            _down(
                x, first + r * size + k, size, min(_GROUP, n_rows - r), w, w0 + k * w_row, w_row,
                sums, s0 + r * s_row, s_row, full // block,
            )  # fmt: skip
    for k in range(ZERO if full < n else taken, n_steps):
        begin = full if k < taken else ZERO
        for r in range(n_rows):
            row = part(sums, s0 + r * s_row + begin, n - begin)
            _add(row, x[first + r * size + k], part(w, w0 + k * w_row + begin, n - begin))


@helper()
def _add_chains(sums, s0, step, n_chains, start, y):
    """y = start and the sums of all chains, `step` from one to the next, in order."""
    for j in range(y.size):
        y[j] = start[j]
    for c in range(n_chains):
        chain = part(sums, s0 + c * step, y.size)
        for j in range(y.size):
            y[j] += chain[j]


@kernel(parallel_from=100_000, strided=True)
def _by_rows(weight, x, y, start, strips):
    size, n, n_rows = weight.shape[0], weight.shape[1], len(x)
    w, flat, w_row = memory(weight), memory(x), weight.strides[0] // weight.itemsize
    chains = (size + CHAIN - 1) // CHAIN
    width = ((n + strips - 1) // strips + lanes(x) - 1) // lanes(x) * lanes(x)
    s_row = strips * width + _GAP
    # A group of sums has 1, 4 or 8 rows, however many are needed.
    room = n_rows if n_rows == 1 else (n_rows + _GROUP - 1) // _GROUP * _GROUP
    sums = scratch(chains * room * s_row, x.dtype)
    for item in prange(chains * strips):
        c, j = item // strips, item % strips * width
        _chain(
            flat, c * CHAIN, size, n_rows, w, c * CHAIN * w_row + j, w_row,
            min(CHAIN, size - c * CHAIN), sums, c * room * s_row + j, s_row,
            max(ZERO, min(width, n - j)),
        )  # fmt: skip
    for item in prange(n_rows * strips):
        r, j = item // strips, item % strips * width
        m = max(ZERO, min(width, n - j))
        target = part(memory(y), r * n + j, m)
        _add_chains(sums, r * s_row + j, room * s_row, chains, part(start, j, m), target)
    release(sums)


@helper()
def _across(x, x0, x_row, n_rows, w, w0, w_row, n_columns, n_vectors, y, y0, y_row):
    if n_rows == 1:
        across_1(x, x0, x_row, n_rows, w, w0, w_row, n_columns, n_vectors, y, y0, y_row)
    elif n_rows <= 4:
        across_4(x, x0, x_row, n_rows, w, w0, w_row, n_columns, n_vectors, y, y0, y_row)
    else:
        across_8(x, x0, x_row, n_rows, w, w0, w_row, n_columns, n_vectors, y, y0, y_row)


@kernel(parallel_from=100_000, strided=True)
def _by_columns(table, x, y, start, parts):
    """table (O, I) is the weight, transposed."""
    n, size, n_rows = table.shape[0], table.shape[1], len(x)
    w, flat, w_row = memory(table), memory(x), table.strides[0] // table.itemsize
    target, full = memory(y), size // lanes(x) * lanes(x)
    for item in prange(parts):
        for j in range(item * n // parts, (item + 1) * n // parts, WIDTH):
            m = min(WIDTH, (item + 1) * n // parts - j)
            for r in range(0, n_rows, _GROUP):
                _across(
                    flat, r * size, size, min(_GROUP, n_rows - r), w, j * w_row, w_row, m,
                    full // lanes(x), target, r * n + j, n,
                )  # fmt: skip
            for i in range(m):
                for r in range(n_rows):
                    rest = like(start[0], 0)
                    for k in range(full, size):
                        rest += flat[r * size + k] * w[(j + i) * w_row + k]
                    target[r * n + j + i] += rest + start[j + i]
