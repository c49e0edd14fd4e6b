"""Packing against a formula for the place of each number, and rounding, for any bits."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minilm.kernels import bfloat16
from minilm.kernels.bfloat16 import CAN_ROUND, Factor, pack
from minilm.reference import linear_bf16 as reference

needs_bf16 = pytest.mark.skipif(not CAN_ROUND, reason="the processor has no bfloat16")


@numba.njit
def _pack(data, first, row, column, n_rows, n_columns, packed, left):
    pack(Factor(data, first, row, column), n_rows, n_columns, packed, left)


@numba.njit
def _rounded(x, y):
    for i in range(x.size):
        y[i] = bfloat16.rounded(x[i])


@numba.njit
def _round_row(x):
    bfloat16.round_row(x)


def words_of(x, left):
    """What `pack` should write: tiles of 16 rows and 32 columns, an even number down."""
    n_tiles, n_steps = -(-x.shape[0] // 32) * 2, -(-x.shape[1] // 32)
    padded = np.zeros((n_tiles * 16, n_steps * 32), np.float32)
    padded[: x.shape[0], : x.shape[1]] = reference.rounded(x)
    halves = (padded.view(np.uint32) >> 16).reshape(n_tiles, 16, n_steps, 16, 2)
    words = halves[..., 0] | halves[..., 1] << 16  # (tile, row, step, pair)
    return words.transpose(0, 2, 1, 3) if left else words.transpose(0, 2, 3, 1)


@needs_bf16
@settings(max_examples=80)
@given(
    st.sampled_from([1, 2, 15, 16, 17, 32, 33, 48, 70]),
    st.sampled_from([1, 2, 31, 32, 33, 64, 95]),
    st.sampled_from(["rows", "columns", "neither"]),
    st.integers(0, 5),
    st.booleans(),
)
def test_each_number_has_its_place(n_rows, n_columns, kind, gap, left):
    x = np.random.default_rng(0).standard_normal((n_rows, n_columns)).astype(np.float32)
    row, column = {
        "rows": (n_columns + gap, 1),
        "columns": (1, n_rows + gap),
        "neither": (2 * n_columns + gap, 2),
    }[kind]
    data = np.full(3 + n_rows * row + n_columns * column, np.nan, np.float32)
    places = 3 + np.arange(n_rows)[:, None] * row + np.arange(n_columns) * column
    data[places] = x
    expected = words_of(x, left)
    packed = np.full(expected.size + 7, 12345, np.uint32)
    _pack(data, 3, row, column, n_rows, n_columns, packed, left)
    np.testing.assert_array_equal(packed[:-7].reshape(expected.shape), expected)
    assert (packed[-7:] == 12345).all()


@given(st.integers(0, 2**32 - 1))
@example(0x7FFFFFFF)  # a NaN that adding would turn into 0
@example(0x7F800001)  # one that cutting would turn into infinity
@example(0x7F7FFFFF)  # the largest number
def test_rounding_is_the_reference_s(bits):
    x = np.array([bits, bits ^ 0x80000000], np.uint32).view(np.float32)
    y = np.empty_like(x)
    _rounded(x, y)
    np.testing.assert_array_equal(y, reference.rounded(x))
    assert not (y[~np.isnan(x)].view(np.uint32) & 0xFFFF).any()
    _round_row(x)
    np.testing.assert_array_equal(x, y)


def test_float64_is_not_rounded():
    x = np.random.default_rng(0).standard_normal(9)
    y = x.copy()
    _round_row(y)
    np.testing.assert_array_equal(x, y)


@needs_bf16
def test_nan_and_infinity_stay():
    x = np.array([[np.nan, np.inf], [-np.inf, 3e38]], np.float32)
    packed = np.zeros(512, np.uint32)
    _pack(x.reshape(-1), 0, 2, 1, 2, 2, packed, True)
    halves = packed[[0, 16]].view(np.uint16).astype(np.uint32) << 16
    values = halves.view(np.float32)
    assert np.isnan(values[0])
    assert values[1:3].tolist() == [np.inf, -np.inf]
    assert values[3] == reference.rounded(x)[1, 1]
