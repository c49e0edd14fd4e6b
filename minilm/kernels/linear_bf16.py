"""Compiled twin of `minilm.reference.linear_bf16`, in the fastest way that the processor has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm import aligned
from minilm.kernels import bfloat16_product
from minilm.kernels import linear as whole
from minilm.kernels.bfloat16_tiles import engine
from minilm.kernels.layout import rows
from minilm.reference import linear_bf16 as reference
from minilm.reference.linear_bf16 import Saved

__all__ = ["Saved", "backward", "forward"]


def forward(
    x: NDArray, weight: NDArray, bias: NDArray | None = None, onto: NDArray | None = None
) -> tuple[NDArray, Saved]:
    """x (..., I), weight (I, O), bias (O,), onto (..., O) -> y (..., O)."""
    if not _can_multiply(x, weight, *(() if onto is None else (onto,))):
        return reference.forward(x, weight, bias, onto)
    y = aligned.empty((*x.shape[:-1], weight.shape[1]), np.float32)
    beside = None if onto is None else rows(onto)
    _product(rows(x), weight, rows(y), bias, onto=beside)
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
    if not _can_multiply(x, weight, dy, *(total for total in out if total is not None)):
        return reference.backward(dy, saved, out)
    flat_dy, dx = rows(dy), aligned.empty(x.shape, np.float32)
    _product(flat_dy, weight.T, rows(dx))
    whole.add_gradients(rows(x), flat_dy, dweight, dbias if has_bias else None, _add_product)
    return dx, dweight, dbias if has_bias else None


def _can_multiply(*arrays: NDArray) -> bool:
    return all(x.dtype == np.float32 for x in arrays)


def _product(a: NDArray, b: NDArray, c: NDArray, start: NDArray | None = None, **to: Any) -> None:
    if engine():
        bfloat16_product.product(a, b, c, engine(), start, **to)
    else:
        whole.product(a, b, c, start, rounding=True, **to)


def _add_product(a: NDArray, b: NDArray, c: NDArray, sums: NDArray | None = None) -> None:
    _product(a, b, c, sums=sums, accumulate=True)
