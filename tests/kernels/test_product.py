"""Packing and multiplying what is packed against NumPy, in whole numbers: all sums are exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import packing
from minilm.kernels.jit import kernel
from minilm.kernels.packing import (
    Panels,
    matrix,
    new_panels,
    pack,
    pack_columns,
)
from minilm.kernels.processor import BYTES
from minilm.kernels.product import FAR, Band, multiply
from minilm.kernels.registers import ROWS, VECTORS


@kernel()
def _product(
    a, a_row, a_column, packed, b, b_row, b_column, panels, first, start, c, c_row, n_rows,
    n_columns, size, accumulate, begin, end,
):  # fmt: skip
    """c from a, packed too if it has the room, and b, packed from `first` on in panels."""
    block = Panels(panels, first, size)
    pack(matrix(b, 3, b_row, b_column), block, size, n_columns, False)
    rows = matrix(a, 5, a_row, a_column)
    if packed.size > 0:
        rows = pack_columns(rows, packed, n_rows, size, False)
    to, band = matrix(c, 7, c_row, 1), Band(begin, end)
    multiply(rows, block, start, to, n_rows, n_columns, accumulate, band)


@kernel()
def _room(x, n_rows, n_columns):
    room = new_panels(x, n_rows, n_columns).size
    return packing.lanes(x), packing.padded(x, n_columns), packing.panel_width(x, n_columns), room


def lanes(dtype):
    return BYTES // np.dtype(dtype).itemsize


def layout_of(x, first, kind, gap):
    """x in a memory that is NaN elsewhere: as rows, as columns, or neither; and its strides."""
    row, column = {
        "rows": (x.shape[1] + gap, 1),
        "columns": (1, x.shape[0] + gap),
        "neither": (2 * x.shape[1] + gap, 2),
    }[kind]
    data = np.full(first + (x.shape[0] + 1) * row + (x.shape[1] + 1) * column, np.nan, x.dtype)
    view = data[first:]
    view[np.arange(x.shape[0])[:, None] * row + np.arange(x.shape[1]) * column] = x
    return data, row, column


def panels_of(b, first, behind):
    """What `pack` should write: panels of 4, 2 or 1 vectors, one behind the other."""
    one, size = lanes(b.dtype), len(b)
    widths = (4, 2, 1) if VECTORS == 4 else (2, 1)
    found, j = [np.full(first, np.nan, b.dtype)], 0
    while j < b.shape[1]:
        width = next((w for w in widths if b.shape[1] - j >= w * one), 1) * one
        panel = np.zeros((size, width), b.dtype)
        columns = b[:, j : j + width]
        panel[:, : columns.shape[1]] = columns
        found.append(panel.reshape(-1))
        j += width
    return np.concatenate([*found, np.full(behind, np.nan, b.dtype)])


def columns_of(a, size):
    """What `pack_columns` should write, and where."""
    i, k = np.arange(len(a))[:, None], np.arange(a.shape[1])
    places = i // ROWS * (ROWS * size + 2) + k * ROWS + i % ROWS
    return places, a


def run(a, b, start, c, c_row, *, kinds, gap, first, accumulate, packed, band=(-FAR, FAR)):
    (n_rows, size), n_columns = a.shape, b.shape[1]
    tile = ROWS * VECTORS * lanes(a.dtype)
    a_data, a_row, a_column = layout_of(a, 5, kinds[0], gap)
    b_data, b_row, b_column = layout_of(b, 3, kinds[1], gap)
    expected = panels_of(b, first, 0)
    panels = np.full(len(expected) + tile, np.nan, a.dtype)
    room = (n_rows // ROWS + 1) * (ROWS * size + 2) if packed else 0
    tiles = np.full(room, np.nan, a.dtype)
    _product(
        a_data, a_row, a_column, tiles, b_data, b_row, b_column, panels, first, start, c, c_row,
        n_rows, n_columns, size, accumulate, *band,
    )  # fmt: skip
    np.testing.assert_array_equal(panels[: len(expected)], expected)
    if packed:
        places, values = columns_of(a, size)
        np.testing.assert_array_equal(tiles[places], values)


@settings(max_examples=150)
@given(
    st.sampled_from([1, 2, 5, 6, 7, 8, 11, 12, 13, 14, 15, 47, 48, 49, 55, 56, 57, 97, 103, 104]),
    st.sampled_from([1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 97, 127, 130]),
    st.sampled_from([0, 1, 2, 5, 8, 16, 17, 64, 65, 127, 128, 129, 257]),
    st.tuples(*[st.sampled_from(["rows", "columns", "neither"])] * 2),
    st.tuples(st.integers(0, 2), st.sampled_from([0, 5])),
    st.tuples(st.booleans(), st.booleans()),
    st.tuples(*[st.none() | st.integers(-70, 70)] * 2),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32),
)
def test_equals_numpy(n_rows, n_columns, size, kinds, places, options, band, dtype, seed):
    generator = np.random.default_rng(seed)
    (gap, first), (accumulate, packed) = places, options
    packed = packed and kinds[0] == "columns"

    def whole(*shape):
        return generator.integers(-8, 9, shape).astype(dtype)

    a, b, bias = whole(n_rows, size), whole(size, n_columns), whole(n_columns)
    begin, end = -FAR if band[0] is None else band[0], FAR if band[1] is None else band[1]
    i, k = np.arange(n_rows)[:, None], np.arange(size)
    a[(k < begin + i) | (k >= end + i)] = 0
    start = np.full(n_columns + VECTORS * lanes(dtype), np.nan, dtype)
    start[:n_columns] = 0 if accumulate else bias
    c_row = n_columns + gap
    c = np.full(7 + n_rows * c_row + 80, np.nan, dtype)
    inside = 7 + np.arange(n_rows)[:, None] * c_row + np.arange(n_columns)
    if accumulate:
        c[inside] = bias = whole(n_rows, n_columns)
    expected = c.copy()
    expected[inside] = bias + a @ b
    run(
        a, b, start, c, c_row, kinds=kinds, gap=gap, first=first, accumulate=accumulate,
        packed=packed, band=(begin, end),
    )  # fmt: skip
    np.testing.assert_array_equal(c, expected)


@pytest.mark.parametrize("kind", ["rows", "columns"])
@pytest.mark.parametrize(("begin", "end"), [(3, FAR), (-FAR, 2), (4, 9)])
def test_what_is_outside_the_band_is_left_out(kind, begin, end):
    n_rows, size = ROWS + 1, 40
    i, k = np.arange(n_rows)[:, None], np.arange(size)
    a, b = np.where((k < begin + i) | (k >= end + i), 0.0, 1.0), np.ones((size, 5))
    expected = a @ b
    b[(k < begin) | (k >= end + n_rows - 1)] = np.nan
    c = np.zeros(7 + n_rows * 5)
    run(
        a, b, np.zeros(50), c, 5, kinds=(kind, "rows"), gap=0, first=0, accumulate=False,
        packed=False, band=(begin, end),
    )  # fmt: skip
    np.testing.assert_array_equal(c[7:].reshape(n_rows, 5), expected)


@pytest.mark.parametrize("kind", ["rows", "columns"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_row_or_column(bad, kind):
    generator = np.random.default_rng(1)
    n_rows, n_columns, size = 2 * ROWS + 1, 3 * lanes(float) + 1, 5
    a, b = (
        generator.integers(1, 9, (n_rows, size)) * 1.0,
        generator.integers(1, 9, (size, n_columns)) * 1.0,
    )
    start = np.zeros(n_columns + VECTORS * lanes(float))
    for row, column in [(i, None) for i in range(n_rows)] + [(None, j) for j in range(n_columns)]:
        wrong_a, wrong_b, expected = a.copy(), b.copy(), a @ b
        if row is not None:
            wrong_a[row, 3] = expected[row] = bad
        else:
            wrong_b[3, column] = expected[:, column] = bad
        c = np.zeros(7 + n_rows * n_columns)
        run(
            wrong_a, wrong_b, start, c, n_columns, kinds=(kind, kind), gap=0, first=0,
            accumulate=False, packed=kind == "columns",
        )  # fmt: skip
        np.testing.assert_array_equal(c[7:].reshape(n_rows, n_columns), expected)


def test_long_sums_are_chains_of_128():
    """A chain of 2**24 + 1 + 1 + ... would stay at 2**24; the next chain does not."""
    size = 300
    a, b = np.ones((1, size), np.float32), np.ones((size, 1), np.float32)
    a[0, 0] = 2.0**24
    start, c = np.zeros(200, np.float32), np.zeros(8, np.float32)
    run(a, b, start, c, 1, kinds=("rows", "rows"), gap=0, first=0, accumulate=False, packed=False)
    assert c[7] == 2**24 + 128 + 44


def test_room():
    for dtype in (np.float32, np.float64):
        x, one = np.zeros(1, dtype), lanes(dtype)
        widest = min(4, VECTORS)
        for n, full, width in (
            (1, 1, 1),
            (one - 1, 1, 1),
            (one, 1, 1),
            (one + 1, 2, 1),
            (2 * one - 1, 2, 1),
            (2 * one, 2, 2),
            (3 * one, 3, 2),
            (4 * one - 1, 4, 2),
            (4 * one, 4, widest),
            (9 * one, 9, widest),
        ):
            room = (3 * full + ROWS * VECTORS) * one
            assert _room(x, 3, n) == (one, full * one, width * one, room)
