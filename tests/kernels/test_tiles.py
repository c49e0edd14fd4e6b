from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minilm.kernels import tiles
from minilm.kernels.tiles import LANES, Rows


def tile(generator, n_rows):
    return generator.standard_normal(n_rows * LANES)


@given(
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, LANES),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_add_product(n_rows, depth, n, transposed, seed):
    generator = np.random.default_rng(seed)
    c, b = tile(generator, 9), tile(generator, 9)
    a = generator.standard_normal((9, 9))
    expected = c.copy().reshape(9, LANES)
    factor = (a.T if transposed else a)[:n_rows, :depth]
    expected[:n_rows, :n] += factor @ b.reshape(9, LANES)[:depth, :n]
    row, column = (1, 9) if transposed else (9, 1)
    tiles.add_product(c, a.reshape(-1), np.int64(row), np.int64(column), b, n_rows, depth, n)
    np.testing.assert_allclose(c.reshape(9, LANES), expected, rtol=0, atol=1e-13)


@given(st.integers(1, LANES), st.integers(1, 2 * LANES + 3), st.integers(0, 2**32))
def test_what_is_loaded_can_be_stored(n_rows, n_columns, seed):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n_rows, n_columns + 3))
    source = Rows(x.reshape(-1), n_columns + 3)
    n = min(LANES, n_rows + 2)

    columns = tile(generator, n_columns)
    tiles.load_columns(columns, source, n_rows, n_columns, 2.0, n)
    lanes = columns.reshape(-1, LANES)[:, :n]
    np.testing.assert_array_equal(lanes[:, :n_rows], 2 * x[:, :n_columns].T)
    np.testing.assert_array_equal(lanes[:, n_rows:], 0)

    back = np.zeros_like(x)
    factor = generator.standard_normal(n_rows)
    tiles.store_columns(columns, Rows(back.reshape(-1), source.stride), n_rows, n_columns, factor)
    np.testing.assert_array_equal(back[:, :n_columns], 2 * x[:, :n_columns] * factor[:, None])
    np.testing.assert_array_equal(back[:, n_columns:], 0)


@given(st.integers(1, LANES), st.sampled_from([1, 63, 64, 65, 130]), st.integers(0, 2**32))
def test_rows_in_tiles_of_columns(n_rows, n_columns, seed):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n_rows, n_columns))
    source = Rows(x.reshape(-1), n_columns)
    n_tiles, n = -(-n_columns // LANES), min(LANES, n_rows + 2)
    loaded = tile(generator, n_tiles * LANES)

    def wide():
        return loaded.reshape(n_tiles, LANES, LANES).transpose(1, 0, 2).reshape(LANES, -1)

    before = wide().copy()
    tiles.load_rows(loaded, source, n_rows, n_columns, 3.0, n)
    np.testing.assert_array_equal(wide()[:n_rows, :n_columns], 3 * x)
    np.testing.assert_array_equal(wide()[n_rows:n, :n_columns], 0)
    # Behind the last channel x has another row, or ends.
    np.testing.assert_array_equal(wide()[:, n_columns:], before[:, n_columns:])

    stored = np.ascontiguousarray(loaded.reshape(n_tiles, LANES, LANES)[:, :n_rows])
    back = np.zeros_like(x)
    tiles.store_rows(stored.reshape(-1), Rows(back.reshape(-1), n_columns), n_rows, n_columns)
    np.testing.assert_array_equal(back, 3 * x)
