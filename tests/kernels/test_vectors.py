"""The instructions that a loop cannot say, each against the loop, on whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.kernels.jit import kernel
from minilm.kernels.processor import BYTES, has
from minilm.kernels.vectors import copy_8, dot, largest, memory, part, transpose_square

dtypes = st.sampled_from([np.float32, np.float64])
seeds = st.integers(0, 2**32)


@kernel()
def _reduce(x, x0, y, y0, n, found):
    found[0] = largest(x, x0, n)
    found[1] = dot(x, x0, y, y0, n)


@kernel()
def _move(x, x0, x_row, y, y0, y_row, eight):
    if eight:
        copy_8(x, x0, y, y0)
    else:
        transpose_square(x, x0, x_row, y, y0, y_row)


@kernel()
def _count(x, first, size, seen):
    row = part(x, first, size)
    for i in range(row.size):
        row[i] += 1
    for i in range(len(row)):
        row[i] += 1
    for number in row[:]:
        seen[0] += number
    seen[1], seen[2], seen[3] = row.size, row.shape[0], row.strides[0]
    seen[4] = row.itemsize


@kernel(strided=True)
def _set_memory(x, index, value, seen):
    flat = memory(x)
    flat[index] = value
    seen[0], seen[1], seen[2], seen[3] = flat.size, flat.shape[0], flat.strides[0], flat.itemsize


def whole(generator, n, dtype):
    return generator.integers(-8, 9, n).astype(dtype)


def lanes(dtype):
    return BYTES // np.dtype(dtype).itemsize


@given(st.integers(0, 4), st.integers(0, 5), st.integers(0, 5), dtypes, seeds)
def test_largest_and_dot(n, x0, y0, dtype, seed):
    generator = np.random.default_rng(seed)
    size = n * lanes(dtype)
    x, y = (np.full(size + 100, 99, dtype) for _ in range(2))  # behind and before: too large
    x[x0 : x0 + size], y[y0 : y0 + size] = (
        whole(generator, size, dtype),
        whole(generator, size, dtype),
    )
    found = np.empty(2, dtype)
    _reduce(x, x0, y, y0, n, found)
    values = x[x0 : x0 + size]
    np.testing.assert_array_equal(found, [values.max(initial=-np.inf), values @ y[y0 : y0 + size]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_lane_counts(dtype):
    size = 3 * lanes(dtype)
    x, y, found = np.full(size, -np.inf, dtype), np.ones(size, dtype), np.empty(2, dtype)
    for i in range(size):
        x[:] = -np.inf
        x[i] = -7
        _reduce(x, 0, y, 0, 3, found)
        assert found[0] == -7
        x[:] = np.nan
        x[i] = 5
        _reduce(x, 0, y, 0, 3, found)
        assert found[0] == 5, "NaN is passed over"
        assert np.isnan(found[1])
        x[:] = 0
        x[i] = 3
        _reduce(x, 0, y, 0, 3, found)
        assert found[1] == 3


@pytest.mark.skipif(
    not (has("fma") or has("neon")), reason="the processor rounds a product before it is added"
)
def test_dot_rounds_a_product_once():
    e = 2.0**-30
    x, y, found = np.zeros(2 * lanes(float)), np.zeros(2 * lanes(float)), np.empty(2)
    x[0], y[0] = 1, -1
    x[lanes(float)], y[lanes(float)] = 1 + e, 1 - e
    _reduce(x, 0, y, 0, 2, found)
    assert found[1] == -e * e


@given(st.integers(0, 5), st.integers(0, 5), dtypes, seeds)
def test_copy_8(x0, y0, dtype, seed):
    generator = np.random.default_rng(seed)
    x, y = whole(generator, 20, dtype), whole(generator, 20, dtype)
    expected = y.copy()
    expected[y0 : y0 + 8] = x[x0 : x0 + 8]
    _move(x, x0, 0, y, y0, 0, True)
    np.testing.assert_array_equal(y, expected)
    # Onto itself: all are read before one is written.
    expected = x.copy()
    expected[y0 : y0 + 8] = x[x0 : x0 + 8]
    _move(x, x0, 0, x, y0, 0, True)
    np.testing.assert_array_equal(x, expected)


@given(st.integers(0, 5), st.integers(0, 3), st.integers(0, 5), st.integers(0, 3), dtypes)
def test_transpose_square(x0, x_gap, y0, y_gap, dtype):
    n = lanes(dtype)
    x = np.arange(x0 + n * (n + x_gap) + 5).astype(dtype)
    y = -np.arange(y0 + n * (n + y_gap) + 5).astype(dtype)
    expected = y.copy()
    i, j = np.arange(n)[:, None], np.arange(n)
    expected[y0 + i * (n + y_gap) + j] = x[x0 + j * (n + x_gap) + i]
    _move(x, x0, n + x_gap, y, y0, n + y_gap, False)
    np.testing.assert_array_equal(y, expected)


@given(st.integers(0, 9), st.integers(0, 9), dtypes)
def test_part(first, size, dtype):
    x = np.arange(20).astype(dtype)
    expected, seen = x.copy(), np.zeros(5)
    expected[first : first + size] += 2
    _count(x, first, size, seen)
    np.testing.assert_array_equal(x, expected)
    itemsize = x.itemsize
    assert seen.tolist() == [expected[first : first + size].sum(), size, size, itemsize, itemsize]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_goes_by_the_place_of_the_first_element(dtype):
    whole = np.zeros((5, 8), dtype)
    seen = np.zeros(4, int)
    for view, index, place in (
        (whole, 11, (1, 3)),
        (whole.T, 11, (1, 3)),
        (whole[1:, 2:], 8, (2, 2)),
        (whole[1:, 2:].T, 9, (2, 3)),
        (whole[::2, ::3], 9, (1, 1)),
    ):
        whole[:] = 0
        _set_memory(view, index, 4.0, seen)
        assert whole[place] == 4
        assert np.count_nonzero(whole) == 1
        assert seen.tolist() == [view.size, view.size, view.itemsize, view.itemsize]
