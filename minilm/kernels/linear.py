"""Compiled twin of `minilm.reference.linear`: products of our own, in the kernels' threads.

BLAS is as fast for large products and slower for small ones, and it brings a second pool
of threads that competes with Numba's for the cores (see `minilm.backend`). Here the bias
is added while the sums are in registers, and gradients of parameters where they belong.
A few rows, as in generation, go another way: see `few_rows`.
"""

# mypy: allow-untyped-defs, disable-error-code="arg-type"
from __future__ import annotations

import functools
from collections.abc import Callable

import numba
import numpy as np
from numba import prange
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels import few_rows
from minilm.kernels.jit import helper, kernel
from minilm.kernels.layout import BLOCK, add, add_parts, plain, rows, rows_per_part
from minilm.kernels.packing import ZERO, lanes, matrix
from minilm.kernels.processor import BYTES
from minilm.kernels.product import add_product
from minilm.kernels.registers import ROWS, VECTORS
from minilm.kernels.vectors import memory
from minilm.reference import linear as reference
from minilm.reference.linear import Saved

__all__ = ["Saved", "add_gradients", "backward", "column_sums", "forward"]


def forward(
    x: NDArray, weight: NDArray, bias: NDArray | None = None, onto: NDArray | None = None
) -> tuple[NDArray, Saved]:
    """x (..., I), weight (I, O), bias (O,), onto (..., O) -> y (..., O)."""
    if not _same_reals(x, weight, *(() if onto is None else (onto,))):
        return reference.forward(x, weight, bias, onto)
    flat, y = rows(x), aligned.empty((*x.shape[:-1], weight.shape[1]), x.dtype)
    if few_rows.suits(flat, weight):
        few_rows.product(flat, weight, rows(y), bias)
        if onto is not None:
            y += onto
    else:
        product(flat, weight, rows(y), bias, onto=None if onto is None else rows(onto))
    return y, Saved(x, weight, bias is not None)


def backward(
    dy: NDArray, saved: Saved, out: tuple[NDArray, NDArray | None] | None = None
) -> tuple[NDArray, NDArray, NDArray | None]:
    """Returns dx (..., I), dweight (I, O) and dbias (O,), or None without a bias.

    `out`: arrays to ADD dweight and dbias into, as in the reference.
    """
    x, weight, has_bias = saved
    if out is None:
        out = np.zeros(weight.shape, x.dtype), np.zeros(weight.shape[1], x.dtype)
    dweight, dbias = out
    if not _same_reals(x, weight, dy, *(total for total in out if total is not None)):
        return reference.backward(dy, saved, out)
    flat_dy, flat_x, dx = rows(dy), rows(x), aligned.empty(x.shape, x.dtype)
    product(flat_dy, weight.T, rows(dx))
    add = functools.partial(product, accumulate=True)
    add_gradients(flat_x, flat_dy, dweight, dbias if has_bias else None, add)
    return dx, dweight, dbias if has_bias else None


def add_gradients(
    x: NDArray, dy: NDArray, dweight: NDArray, dbias: NDArray | None, add: Callable[..., None]
) -> None:
    """dweight (I, O) += x (N, I)^T @ dy (N, O), of any layout, and dbias (O,) += the sum of dy.

    By ``add(a, b, c, sums=sums)``, which adds a @ b to c, whose columns it asks to be
    contiguous, and those of b to sums, of float64.
    """
    sums = None if dbias is None else np.zeros(dbias.shape)
    if plain(dweight) is not dweight or dweight.itemsize not in dweight.strides:
        part = np.zeros(dweight.shape, dweight.dtype)
        add(x.T, dy, part, sums=sums)
        dweight += part
    elif dweight.strides[1] == dweight.itemsize:
        add(x.T, dy, dweight, sums=sums)
    else:
        add(dy.T, x, dweight.T)
        sums = None if dbias is None else column_sums(dy)
    if dbias is not None:
        dbias += sums


def _same_reals(*arrays: NDArray) -> bool:
    """Whether the kernels know this dtype, the same in all arrays. The reference knows more."""
    dtype = arrays[0].dtype
    for x in arrays:  # a loop, for it runs often: half the time of all(...)
        if x.dtype is not dtype and x.dtype != dtype:
            return False
    return dtype.char in "fd"


def product(
    a: NDArray,
    b: NDArray,
    c: NDArray,
    start: NDArray | None = None,
    *,
    onto: NDArray | None = None,
    sums: NDArray | None = None,
    accumulate: bool = False,
    rounding: bool = False,
) -> None:
    """c (M, N) = a (M, K) @ b (K, N) + start (N,) + onto (M, N), or c += a @ b.

    All of one dtype; the columns of c and onto contiguous, its rows one behind the other, with
    gaps or not. sums (N,), of float64, += the sums of the columns of b, contiguous as well.
    With `rounding` a and b are rounded to bfloat16.
    """
    if c.size == 0:
        if sums is not None:
            sums += b.sum(axis=0)
        return
    (m, size), n = a.shape, b.shape[1]
    n_lanes = BYTES // a.itemsize
    first = np.zeros((n + VECTORS * n_lanes,), a.dtype)
    if start is not None:
        first[:n] = start
    run, grid = _product.sized(m * n * size), (1, 1)
    if run is _product.parallel:
        grid = _grid(m, n, n_lanes, a.strides[1] != a.itemsize, numba.get_num_threads())
    onto, sums = c[:0] if onto is None else onto, _NO_SUMS if sums is None else sums
    run(plain(a), plain(b), c, first, plain(onto), sums, accumulate, rounding, *grid)


_NO_SUMS = np.zeros(0)


@functools.cache
def _grid(m: int, n: int, lanes: int, transposed: bool, threads: int) -> tuple[int, int]:
    """Into how many parts rows and columns are cut, for the threads."""
    tiles, panels = -(-m // ROWS), -(-n // (VECTORS * lanes))
    costs = []
    for across in range(1, threads + 1):
        if threads % across == 0:
            down = threads // across
            t, p = -(-tiles // down), -(-panels // across)
            # Cycles for one k: two vectors multiplied in each, two numbers packed.
            packed = p * VECTORS * lanes + (t * ROWS if transposed else 0)
            costs.append((t * p * ROWS * VECTORS / 2 + packed / 2, down, across))
    return min(costs)[1:]


@helper()
def _corner(x, i, j):
    """The matrix that begins at row i and column j of x."""
    row, column = x.strides[0] // x.itemsize, x.strides[1] // x.itemsize
    return matrix(memory(x), i * row + j * column, row, column)


@kernel(parallel_from=250_000, strided=True, long=5)
def _product(a, b, c, start, onto, sums, accumulate, rounding, down, across):
    (m, size), n, panel = a.shape, b.shape[1], VECTORS * lanes(a)
    tiles, panels = (m + ROWS - 1) // ROWS, (n + panel - 1) // panel
    for item in prange(down * across):
        # Of the parts with the same columns the last, which is never empty, sums those of b.
        i, j = item // across, item % across
        m0, m1 = min(m, i * tiles // down * ROWS), min(m, (i + 1) * tiles // down * ROWS)
        n0, n1 = min(n, j * panels // across * panel), min(n, (j + 1) * panels // across * panel)
        add_product(
            _corner(a, m0, ZERO),
            _corner(b, ZERO, n0),
            start[n0:],
            _corner(onto, m0, n0),
            sums[n0 : n1 if i == down - 1 else n0],
            _corner(c, m0, n0),
            m1 - m0,
            n1 - n0,
            size,
            accumulate,
            rounding,
        )


def column_sums(x: NDArray) -> NDArray:
    """The sum of all rows of x (N, C)."""
    sums = np.empty(x.shape[1], x.dtype)
    _sum_rows(x, sums)
    return sums


@kernel(parallel_from=100_000)
def _sum_rows(x, sums):
    size = rows_per_part(len(x))
    parts = np.zeros((2, (len(x) + size - 1) // size, x.shape[1]), x.dtype)
    for k in prange(parts.shape[1]):
        block, part = parts[1, k], parts[0, k]
        for first in range(k * size, min((k + 1) * size, len(x)), BLOCK):
            block[:] = 0
            for i in range(first, min(first + BLOCK, (k + 1) * size, len(x))):
                add(x[i], block)
            add(block, part)
    add_parts(parts[0], sums)
