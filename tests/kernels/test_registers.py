"""One register tile against NumPy, in whole numbers, of which every sum is exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.kernels.jit import kernel
from minilm.kernels.processor import BYTES, MANY_REGISTERS, has
from minilm.kernels.registers import ROWS, VECTORS, tile_1, tile_2, tile_4


@kernel()
def _tile(a, a0, a_row, a_k, b, b0, start, start0, c, c0, c_row, size, n_rows, accumulate, vectors):
    if vectors == 1:
        tile_1(a, a0, a_row, a_k, b, b0, start, start0, c, c0, c_row, size, n_rows, accumulate)
    elif vectors == 2:
        tile_2(a, a0, a_row, a_k, b, b0, start, start0, c, c0, c_row, size, n_rows, accumulate)
    else:
        tile_4(a, a0, a_row, a_k, b, b0, start, start0, c, c0, c_row, size, n_rows, accumulate)


@given(
    st.integers(1, ROWS),
    st.sampled_from([0, 1, 2, 3, 7, 20]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from(["rows", "columns", "neither"]),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32),
)
def test_equals_numpy(n_rows, size, vectors, layout, gap, accumulate, dtype, seed):
    generator = np.random.default_rng(seed)
    width = vectors * BYTES // np.dtype(dtype).itemsize

    def whole(*shape):
        return generator.integers(-8, 9, shape).astype(dtype)

    # All around what may be read is NaN, and what is written must be no more than the tile.
    a_row, a_k = {"rows": (size + gap, 1), "columns": (1, ROWS + gap), "neither": (41, 2)}[layout]
    a, b, start = (np.full(n, np.nan, dtype) for n in (500, 500 + size * width, width + 50))
    c = np.full(ROWS * (width + gap) + 50, np.nan, dtype)
    a_tile, b_tile, sums = whole(n_rows, size), whole(size, width), whole(width)
    rows = np.arange(n_rows)[:, None]
    a[gap + rows * a_row + np.arange(size) * a_k] = a_tile
    b[7 : 7 + size * width] = b_tile.reshape(-1)
    start[11 : 11 + width] = sums
    inside = 13 + rows * (width + gap) + np.arange(width)
    if accumulate:
        c[inside] = sums = whole(n_rows, width)
    expected = c.copy()
    expected[inside] = sums + a_tile @ b_tile
    _tile(
        a, gap, a_row, a_k, b, 7, start, 11, c, 13, width + gap, size, n_rows, accumulate, vectors
    )
    np.testing.assert_array_equal(c, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_in_its_row_or_column(bad):
    width = BYTES // 8
    generator = np.random.default_rng(0)
    a, b = generator.integers(1, 9, (ROWS, 5)) * 1.0, generator.integers(1, 9, (5, width)) * 1.0
    for row, column in ((0, None), (ROWS - 1, None), (None, 0), (None, width - 1)):
        wrong_a, wrong_b, expected = a.copy(), b.copy(), a @ b
        if row is not None:
            wrong_a[row, 3] = expected[row] = bad
        if column is not None:
            wrong_b[3, column] = expected[:, column] = bad
        c, start = np.zeros(ROWS * width), np.zeros(width)
        _tile(
            wrong_a.reshape(-1), 0, 5, 1, wrong_b.reshape(-1), 0, start, 0, c, 0, width, 5, ROWS,
            False, 1,
        )  # fmt: skip
        np.testing.assert_array_equal(c.reshape(ROWS, width), expected)


def test_a_start_is_added_last():
    """2**24 would swallow ones that are added to it one at a time."""
    width = BYTES // 4
    ones, start = np.ones(100 * width, np.float32), np.full(width, 2.0**24, np.float32)
    c = np.empty(width, np.float32)
    _tile(ones, 0, 100, 1, ones, 0, start, 0, c, 0, width, 100, 1, False, 1)
    np.testing.assert_array_equal(c, 2**24 + 100)
    _tile(ones, 0, 100, 1, ones, 0, ones, 0, start, 0, width, 100, 1, True, 1)
    np.testing.assert_array_equal(start, 2**24 + 100)


@pytest.mark.skipif(
    not (has("fma") or has("neon")), reason="the processor rounds a product before it is added"
)
def test_a_product_is_rounded_once():
    """(1 + e)(1 - e) - 1 is -e*e, and 0 if the product is rounded first."""
    width = BYTES // 4
    e = np.float32(2.0**-20)
    a = np.array([1, 1 + e], np.float32)
    b = np.repeat(np.array([-1, 1 - e], np.float32), width)
    c, start = np.empty(width, np.float32), np.zeros(width, np.float32)
    _tile(a, 0, 2, 1, b, 0, start, 0, c, 0, width, 2, 1, False, 1)
    np.testing.assert_array_equal(c, -(e * e))


def test_the_tile_fits_the_registers():
    assert BYTES in (16, 32, 64)
    sums_and_a_row = ROWS * VECTORS + VECTORS
    assert sums_and_a_row < (32 if MANY_REGISTERS else 16)
