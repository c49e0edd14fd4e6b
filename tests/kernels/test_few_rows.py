"""Products of a few rows: against the tiles of `product`, bit for bit, and against float64."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import few_rows, linear

SIZES = st.sampled_from([1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 64, 127, 128, 129, 131, 260])
# In float64 so small that only the serial forms have to be compiled.
SHORT = st.sampled_from([1, 2, 3, 4, 7, 8, 9, 15, 17, 33, 67])
SHAPES = st.one_of(
    st.tuples(st.integers(1, 16), SIZES, SIZES, st.just("f4")),
    st.tuples(st.integers(1, 16), st.sampled_from([1, 4, 127, 129, 131]), SHORT, st.just("f8")),
)


def _arrays(n, size, columns, dtype=np.float32, seed=0):
    normal = np.random.default_rng(seed).standard_normal
    return [normal(shape).astype(dtype) for shape in ((n, size), (size, columns), (columns,))]


def _product(x, weight, bias):
    y = np.full((len(x), weight.shape[1]), np.nan, x.dtype)
    few_rows.product(x, weight, y, bias)
    return y


def _tiles(x, weight, bias):
    y = np.empty((len(x), weight.shape[1]), x.dtype)
    linear.product(x, weight, y, bias)
    return y


@given(SHAPES)
@settings(max_examples=60)
def test_by_rows_the_bits_are_those_of_the_tiles(shape):
    x, weight, bias = _arrays(*shape)
    assert np.array_equal(_product(x, weight, bias), _tiles(x, weight, bias))
    assert np.array_equal(_product(x, weight, None), _tiles(x, weight, None))


@given(SHAPES)
@settings(max_examples=60)
def test_by_columns_the_error_is_of_rounding(shape):
    *_, dtype = shape
    x, weight, bias = _arrays(*shape)
    exact = x.astype(np.longdouble) @ weight + bias
    scale = np.abs(x).astype(float) @ np.abs(weight) + np.abs(bias)
    y = _product(x, np.asfortranarray(weight), bias)
    assert (np.abs(y - exact) <= 8 * np.finfo(dtype).eps * scale).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_row_has_the_same_bits_alone_and_among_others_on_any_threads(order):
    x, weight, bias = _arrays(13, 300, 1100)
    weight = np.asarray(weight, order=order)
    together, before = _product(x, weight, bias), numba.get_num_threads()
    try:
        for threads in range(1, before + 1):
            numba.set_num_threads(threads)
            assert np.array_equal(_product(x, weight, bias), together)
            for i in range(13):
                assert np.array_equal(_product(x[i : i + 1], weight, bias)[0], together[i])
    finally:
        numba.set_num_threads(before)


def test_views_and_read_only_arrays():
    x, weight, bias = _arrays(3, 70, 90)
    expected = _tiles(np.ascontiguousarray(x[:, :40]), np.ascontiguousarray(weight[:40, 5:55]),
                      bias[5:55].copy())  # fmt: skip
    for array in (x, weight, bias):
        array.flags.writeable = False
    y, _ = linear.forward(x[:, :40], weight[:40, 5:55], bias[5:55])
    assert np.array_equal(y, expected)
    y, _ = linear.forward(x[:, :40], weight[:40, 5:55][:, ::-1], bias[5:55][::-1])
    np.testing.assert_allclose(y, expected[:, ::-1], rtol=0, atol=1e-5)


def test_strips_keep_all_threads_busy():
    for chains, n, threads in ((6, 3072, 8), (24, 768, 4), (6, 768, 2), (1, 4096, 2)):
        strips = few_rows._strips(chains, n, threads)
        rounds = -(-chains * strips // threads)
        assert chains * strips >= 0.9 * rounds * threads
    assert few_rows._strips(6, 768, 2) == 1
    assert few_rows._strips(1, 100, 64) == 1


@pytest.mark.parametrize("order", ["C", "F"])
def test_nothing_is_written_behind_the_result(order):
    x, weight, bias = _arrays(3, 100, 1001)
    room = np.full((5, 1001), 7, np.float32)
    few_rows.product(x, np.asarray(weight, order=order), room[:3], bias)
    np.testing.assert_allclose(room[:3], x @ weight + bias, atol=1e-4)
    assert (room[3:] == 7).all()


@pytest.mark.parametrize("n", [1, 3, 9])
def test_strips_of_columns_change_no_bit(n):
    # Whatever the number of threads, which decides on the strips. Two chains; the last strip
    # is narrower.
    x, weight, bias = _arrays(n, 200, 401)
    room = np.full((n + 2, 401), 7, np.float32)
    few_rows._by_rows.sized(0)(weight, x, room[:n], bias, 1)
    np.testing.assert_allclose(room[:n], x @ weight + bias, atol=1e-4)
    for strips in (2, 3):
        again = np.full((n + 2, 401), 7, np.float32)
        few_rows._by_rows.sized(0)(weight, x, again[:n], bias, strips)
        assert np.array_equal(again, room)
