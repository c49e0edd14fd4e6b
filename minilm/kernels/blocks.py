"""What is done with a block of a matrix while a product has it in the cache.

The residual stream is added to what a product has just written, and the columns of the gradient
that it has just packed are summed: each would be a pass over memory of its own.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from minilm.kernels.jit import helper
from minilm.kernels.layout import BLOCK, add
from minilm.kernels.vectors import part

__all__ = ["add_block", "sum_columns"]


@helper()
def add_block(x, c, n_rows, n_columns):
    """c += x, of matrices whose columns are contiguous."""
    for i in range(n_rows):
        source = part(x.data, x.first + i * x.row, n_columns)
        add(source, part(c.data, c.first + i * c.row, n_columns))


@helper()
def sum_columns(x, n_rows, sums, few):
    """sums (N,), of float64, += the sum of n_rows rows of x, whose columns are contiguous;
    `few` is room for N numbers, in which a few rows at a time are summed."""
    for first in range(0, n_rows, BLOCK):
        for j in range(sums.size):
            few[j] = 0
        for i in range(first, min(first + BLOCK, n_rows)):
            add(part(x.data, x.first + i * x.row, sums.size), few)
        for j in range(sums.size):
            sums[j] += np.float64(few[j])
