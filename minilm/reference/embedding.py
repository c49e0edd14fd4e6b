r"""Embedding: row number ids[...] of a table, for every position.

    y[..., c] = weight[ids[...], c]

Shapes: ids (...) integers in 0..V-1; weight (V, C); y (..., C).

Backward. An id that occurs at several positions sends the same row to all of them, so
the row's gradient is the sum over those positions; rows that no position asked for
get zero:

    dweight[v] = sum of dy[...] over the positions where ids[...] = v

Ids are integers and have no gradient.

Source: Bengio, Ducharme, Vincent and Jauvin, "A Neural Probabilistic Language Model"
(2003), section 2 (the matrix C there).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "forward"]


class Saved(NamedTuple):
    """Kept: which rows were read, and the shape of the table. The table's values are not
    needed: y is linear in them, with coefficients 0 and 1."""

    ids: NDArray  # (...)
    shape: tuple[int, int]  # (V, C)


def forward(ids: NDArray, weight: NDArray) -> tuple[NDArray, Saved]:
    """Look up one row of the table for each id; returns y (..., C).

    Raises
    ------
    IndexError
        If an id is not in 0..V-1 (also when negative: NumPy would count from the end).
    """
    n_rows, n_channels = weight.shape
    if ids.size and not 0 <= ids.min() <= ids.max() < n_rows:
        raise IndexError(f"ids span {ids.min()}..{ids.max()}, the table has rows 0..{n_rows - 1}")
    return weight[ids], Saved(ids, (n_rows, n_channels))


def backward(dy: NDArray, saved: Saved, out: NDArray | None = None) -> NDArray:
    """Returns dweight (V, C), added into `out` if given: the table is often large, and
    few of its rows occur in one batch."""
    ids, shape = saved
    dweight = np.zeros(shape, dy.dtype) if out is None else out
    if ids.size == 0:
        return dweight
    flat, dy_rows = ids.reshape(-1), dy.reshape(-1, shape[1])
    # Sorting brings the positions of equal ids together. The shorter
    # dweight[flat] += dy_rows would keep only one of the positions that share an id.
    order = np.argsort(flat, kind="stable")
    rows, starts = np.unique(flat[order], return_index=True)
    for row, positions in zip(rows, np.split(order, starts[1:]), strict=True):
        dweight[row] += dy_rows[positions].sum(axis=0)
    return dweight
