"""The linear map and its products against NumPy, in whole numbers: all sums are exact, so the
results must be equal, whatever the layout, the cuts and the threads."""

from __future__ import annotations

import ctypes
import mmap
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import linear
from minilm.kernels.processor import BYTES
from minilm.kernels.registers import ROWS, VECTORS

dtypes = st.sampled_from([np.float32, np.float64])
kinds = st.sampled_from(["rows", "columns", "neither"])


def whole(generator, *shape):
    return generator.integers(-8, 9, shape).astype(float)


def viewed(x, kind, gap=0):
    """x as a view of a larger array that is NaN elsewhere, and that array."""
    m, n = x.shape
    if kind == "rows":
        base = np.full((m + 2, n + gap), np.nan, x.dtype)
        view = base[1:-1, :n]
    elif kind == "columns":
        base = np.full((n + 2, m + gap), np.nan, x.dtype)
        view = base[1:-1, :m].T
    else:
        base = np.full((m + 2, 2, n + gap, 2), np.nan, x.dtype)
        view = base[1:-1, 1, :n, 1]
    view[...] = x
    return view, base


def lanes(dtype):
    return BYTES // np.dtype(dtype).itemsize


def product(a, b, c, bias, accumulate, grid, onto=None, sums=None, rounding=False):
    """As `linear.product`, cut into any grid, with NaN behind what the sums start from."""
    onto, sums = c[:0] if onto is None else onto, np.zeros(0) if sums is None else sums
    start = np.full(b.shape[1] + VECTORS * lanes(a.dtype), np.nan, a.dtype)
    start[: b.shape[1]] = 0 if bias is None else bias
    linear._product.sized(0)(a, b, c, start, onto, sums, accumulate, rounding, *grid)


@settings(max_examples=150)
@given(
    st.sampled_from([1, 2, 5, 6, 7, 8, 12, 13, 14, 24, 25, 49, 100]),
    st.sampled_from([1, 2, 7, 8, 16, 17, 33, 48, 63, 64, 65, 127, 128, 129, 192, 200, 257]),
    st.sampled_from([0, 1, 2, 6, 16, 127, 128, 129, 400, 767, 768, 769, 900]),
    st.tuples(kinds, kinds, st.integers(0, 9)),
    st.tuples(*[st.booleans()] * 5),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dtypes,
    st.integers(0, 2**32),
)
def test_a_product_equals_numpys(m, n, size, layout, options, grid, dtype, seed):
    generator = np.random.default_rng(seed)
    accumulate, with_bias, with_onto, with_sums, rounding = options  # which changes none of these
    a, b, c = whole(generator, m, size), whole(generator, size, n), whole(generator, m, n)
    bias = whole(generator, n) if with_bias and not accumulate else None
    onto = whole(generator, m, n) if with_onto else None
    expected = a @ b + (c if accumulate else 0 if bias is None else bias)
    expected += onto if with_onto else 0
    view, base = viewed((c if accumulate else c * np.nan).astype(dtype), "rows", layout[2])
    everything = base.copy()
    everything[1:-1, :n] = expected
    a_view, _ = viewed(a.astype(dtype), layout[0], layout[2])
    b_view, _ = viewed(b.astype(dtype), layout[1], layout[2])
    beside = viewed(onto.astype(dtype), "rows", layout[2] // 2)[0] if with_onto else None
    sums = whole(generator, n) if with_sums and layout[1] == "rows" else None
    sums_before = None if sums is None else sums.copy()
    product(a_view, b_view, view, bias, accumulate, grid, beside, sums, rounding)
    np.testing.assert_array_equal(base, everything)
    if sums is not None:
        np.testing.assert_array_equal(sums, sums_before + b.sum(0))


@pytest.mark.parametrize("kind", ["rows", "columns", "neither"])
@pytest.mark.parametrize("m", [335, 337, 1019, 1020, 1021, 1027, 2047])
@pytest.mark.parametrize("rounding", [False, True])
def test_many_rows(m, kind, rounding):
    """More than a block of them, and more than 768 channels."""
    generator = np.random.default_rng(m)
    a, b = whole(generator, m, 771), whole(generator, 771, 3)
    c = np.full((m, 3), np.nan, np.float32)
    a_view, b, bias = viewed(np.float32(a), kind)[0], np.float32(b), np.float32([1, 2, 3])
    linear.product(a_view, b, c, bias, rounding=rounding)
    np.testing.assert_array_equal(c, a @ b + [1, 2, 3])
    linear.product(a_view, b, c, accumulate=True, rounding=rounding)
    np.testing.assert_array_equal(c, 2 * (a @ b) + [1, 2, 3])


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([1, 2, 5, 6, 7, 17]), max_size=2),
    st.sampled_from([1, 2, 6, 17, 65]),
    st.sampled_from([1, 2, 8, 33, 130]),
    st.tuples(kinds, kinds),
    st.booleans(),
    st.sampled_from([None, "rows", "columns"]),
    dtypes,
    st.integers(0, 2**32),
)
def test_forward_and_backward(leading, n_in, n_out, layout, with_bias, out_kind, dtype, seed):
    generator = np.random.default_rng(seed)
    x, dy = whole(generator, *leading, n_in), whole(generator, *leading, n_out)
    weight, bias = whole(generator, n_in, n_out), whole(generator, n_out)
    flat_x, flat_dy = x.reshape(-1, n_in), dy.reshape(-1, n_out)
    weight_view, _ = viewed(weight.astype(dtype), layout[0], 3)
    x_view, dy_view = x.astype(dtype), dy.astype(dtype)
    if layout[1] != "rows":  # the axes in memory in another order
        x_view, dy_view = (np.ascontiguousarray(z.T).T for z in (x_view, dy_view))
    y, saved = linear.forward(x_view, weight_view, bias.astype(dtype) if with_bias else None)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, x @ weight + with_bias * bias)
    onto = whole(generator, *leading, n_out).astype(dtype)
    before_sum = onto.copy()
    z, _ = linear.forward(x_view, weight_view, bias.astype(dtype) if with_bias else None, onto)
    np.testing.assert_array_equal(z, y + onto)
    np.testing.assert_array_equal(onto, before_sum)
    assert saved.x is x_view
    assert saved.weight is weight_view
    assert saved.has_bias == with_bias

    out = base = total = bias_total = None
    before, bias_before = 0 * weight, 0 * bias
    if out_kind:
        before, bias_before = whole(generator, n_in, n_out), whole(generator, n_out)
        total, base = viewed(before.astype(dtype), out_kind, 5)
        bias_total = np.repeat(bias_before.astype(dtype), 3)[::3]
        out = total, bias_total
    dx, dweight, dbias = linear.backward(dy_view, saved, out)
    assert dx.shape == x.shape
    assert dx.dtype == dweight.dtype == dtype
    np.testing.assert_array_equal(dx, dy @ weight.T)
    np.testing.assert_array_equal(dweight, before + flat_x.T @ flat_dy)
    if with_bias:
        np.testing.assert_array_equal(dbias, bias_before + flat_dy.sum(0))
    else:
        assert dbias is None
    if out_kind:
        assert dweight is total
        assert np.isnan(base).sum() == base.size - before.size, "no more is written"
        assert dbias is (bias_total if with_bias else None)
        np.testing.assert_array_equal(bias_total, bias_before + with_bias * flat_dy.sum(0))
        again = linear.backward(dy_view, saved, (total, None))
        np.testing.assert_array_equal(total, before + 2 * (flat_x.T @ flat_dy))
        assert again[2] is None
        np.testing.assert_array_equal(bias_total, bias_before + with_bias * flat_dy.sum(0))


@pytest.mark.parametrize("n_rows", [0, 1, 15, 16, 17, 511, 512, 513, 1500])
def test_sums_of_columns(n_rows):
    """Of all the parts into which the rows are cut."""
    x = whole(np.random.default_rng(n_rows), n_rows, 3).astype(np.float32)
    sums = np.full(3, np.nan, np.float32)
    linear._sum_rows.sized(0)(x, sums)
    np.testing.assert_array_equal(sums, x.sum(0))


def test_a_tied_head():
    """The embedding's (V, C) array is the head's weight (C, V), and so is its gradient."""
    generator = np.random.default_rng(0)
    table, x, dy = (whole(generator, *s).astype(np.float32) for s in ((131, 17), (9, 17), (9, 131)))
    y, saved = linear.forward(x, table.T)
    np.testing.assert_array_equal(y, x @ table.T)
    gradient = np.ones_like(table)
    dx, dweight, _ = linear.backward(dy, saved, (gradient.T, None))
    np.testing.assert_array_equal(dx, dy @ table)
    np.testing.assert_array_equal(gradient, 1 + dy.T @ x)
    assert np.shares_memory(dweight, gradient)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_row(bad):
    generator = np.random.default_rng(2)
    x, weight = (generator.integers(1, 9, s).astype(np.float32) for s in ((15, 7), (7, 37)))
    for i in range(15):
        wrong, expected = x.copy(), x @ weight
        wrong[i, 2] = expected[i] = bad
        np.testing.assert_array_equal(linear.forward(wrong, weight)[0], expected)
        np.testing.assert_array_equal(linear.forward(weight.T, wrong.T)[0], expected.T)


def guarded(x, at_end):
    """x in memory of its own, all of which is x's up to a page that may not be touched."""
    page = mmap.PAGESIZE
    n_pages = -(-x.nbytes // page)
    memory = mmap.mmap(-1, (n_pages + 2) * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for number in (0, n_pages + 1):
        place = ctypes.c_void_p(address + number * page)
        assert protect(place, ctypes.c_size_t(page), 0) == 0
    first = (n_pages + 1) * page - x.nbytes if at_end else page
    view = np.frombuffer(memory, x.dtype, x.size, first).reshape(x.shape)
    view[...] = x
    return view


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
@pytest.mark.parametrize("at_end", [False, True])
def test_nothing_beside_an_array_is_read_or_written(at_end):
    """Or the process ends."""
    generator = np.random.default_rng(3)
    for m, n, size in ((1, 1, 1), (5, 3, 7), (8, 17, 9), (13, 33, 5), (14, 70, 6), (50, 16, 130)):
        a, b = (whole(generator, *s).astype(np.float32) for s in ((m, size), (size, n)))
        c = guarded(np.zeros((m, n), np.float32), at_end)
        for a_view in (guarded(a, at_end), guarded(a.T, at_end).T):
            for b_view in (guarded(b, at_end), guarded(b.T, at_end).T):
                linear.product(a_view, b_view, c)
                np.testing.assert_array_equal(c, a @ b)


def test_the_cuts():
    for threads in (1, 2, 3, 4, 6, 8):
        for m, n in ((1, 1), (6, 4096), (4096, 6), (1000, 1000)):
            for transposed in (False, True):
                down, across = linear._grid(m, n, 16, transposed, threads)
                assert down * across == threads
    width = 16 * VECTORS
    # As many parts as there are tiles or panels, and each of the same size.
    assert linear._grid(100 * ROWS, width, 16, False, 4) == (4, 1)
    assert linear._grid(ROWS, 100 * width, 16, False, 4) == (1, 4)
    assert linear._grid(2 * ROWS, 2 * width, 16, False, 4) == (2, 2)
    assert linear._grid(2 * ROWS, 3 * width, 16, False, 6) == (2, 3)
    # Both cuts share the sums evenly; what is packed decides: b by each part of the rows, and
    # a, if it is transposed, by each part of the columns.
    assert linear._grid(100 * ROWS, 4 * width, 16, False, 4) == (1, 4)
    assert linear._grid(100 * ROWS, 4 * width, 16, True, 4) == (4, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_bit(dtype):
    generator = np.random.default_rng(4)
    x, weight, bias, dy = (
        generator.standard_normal(s).astype(dtype)
        for s in ((700, 147), (147, 150), 150, (700, 150))
    )
    found = []
    for n_threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(n_threads)
        y, saved = linear.forward(x, weight, bias)
        found.append([y, *linear.backward(dy, saved), linear.column_sums(dy)])
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    first = np.zeros(len(bias) + VECTORS * lanes(dtype), dtype)
    first[: len(bias)] = bias
    for grid in ((1, 1), (3, 1), (1, 2), (4, 3)):
        y = np.empty_like(found[0][0])
        linear._product.sized(0)(x, weight, y, first, y[:0], np.zeros(0), False, False, *grid)
        found.append([y])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=False):
            np.testing.assert_array_equal(a, b)
    assert linear._product.sized(10**9).signatures, "the arrays are too small"
    assert linear._sum_rows.sized(10**9).signatures, "the arrays are too small"
    expected = x.astype(float) @ weight + bias
    np.testing.assert_allclose(found[0][0], expected, rtol=0, atol=1e-5 * np.abs(expected).max())
