"""Products by every engine in whole numbers, which bfloat16 has up to 256: all sums are exact,
so the results must be equal, whatever the layout and the cuts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import bfloat16_product, bfloat16_tiles
from minilm.kernels.bfloat16_product import product
from minilm.kernels.bfloat16_tiles import AMX, DOT, engines

pytestmark = pytest.mark.skipif(not engines(), reason="the processor has no bfloat16")
kinds = st.sampled_from(["rows", "columns", "neither"])


def whole(generator, *shape):
    return generator.integers(-8, 9, shape).astype(np.float32)


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


@settings(max_examples=150)
@given(
    st.sampled_from([1, 5, 16, 17, 31, 32, 33, 64, 100, 600]),
    st.sampled_from([1, 2, 16, 31, 32, 33, 65, 128, 400]),
    st.sampled_from([0, 1, 2, 31, 32, 33, 64, 127, 767, 768, 769, 800]),
    st.tuples(kinds, kinds, st.integers(0, 9)),
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from([(1, 1), (1, 2), (2, 1), (3, 2)]),
    st.sampled_from(engines()),
)
def test_products_are_exact(m, n, size, layout, options, grid, engine):
    accumulate, has_start, has_onto, has_sums = options
    generator = np.random.default_rng(m + 7 * n + size)
    a, b, c = whole(generator, m, size), whole(generator, size, n), whole(generator, m, n)
    start = whole(generator, n) if has_start and not accumulate else None
    onto = whole(generator, m, n) if has_onto and not accumulate else None
    exact = a.astype(float) @ b + (c if accumulate else 0 if start is None else start)
    exact += 0 if onto is None else onto
    # Numbers that would not survive being rounded to bfloat16.
    sums = np.arange(n) + 1000.0 if has_sums and layout[1] == "rows" else None
    sums_before, columns = None if sums is None else sums.copy(), b.sum(0, dtype=float)
    a, b = viewed(a, layout[0], layout[2])[0], viewed(b, layout[1], layout[2])[0]
    c, base = viewed(c, "rows", layout[2])
    used = base.copy()
    first = np.full(n + 32, np.nan, np.float32)
    first[:n] = 0 if start is None else start
    if size == 0:
        product(a, b, c, engine, start, onto=onto, sums=sums, accumulate=accumulate)
    else:
        beside = c[:0] if onto is None else viewed(onto, "rows", layout[2] // 2)[0]
        total = np.zeros(0) if sums is None else sums
        bfloat16_product._product.sized(0)(a, b, c, first, beside, total, accumulate, engine, *grid)
    np.testing.assert_array_equal(c, exact)
    if sums is not None:
        np.testing.assert_array_equal(sums, sums_before + columns)
    used[1:-1, :n] = c
    np.testing.assert_array_equal(base, used)


@pytest.mark.parametrize("engine", engines())
def test_the_parallel_form(engine):
    generator = np.random.default_rng(0)
    a, b = whole(generator, 130, 400), whole(generator, 400, 70)
    c = np.empty((130, 70), np.float32)
    product(a, b, c, engine, np.arange(70, dtype=np.float32))
    np.testing.assert_array_equal(c, a @ b + np.arange(70))


@pytest.mark.parametrize("engine", engines())
def test_the_cut_changes_no_bit(engine):
    generator = np.random.default_rng(0)
    a = generator.standard_normal((70, 900)).astype(np.float32)
    b = generator.standard_normal((900, 100)).astype(np.float32)
    found = []
    for grid in ((1, 1), (2, 1), (1, 3)):
        c = np.zeros((70, 100), np.float32)
        start = np.zeros(132, np.float32)
        bfloat16_product._product.sized(0)(a, b, c, start, c[:0], np.zeros(0), False, engine, *grid)
        found.append(c)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("engine", engines())
def test_nan_passes_through(engine):
    a, b = np.ones((40, 40), np.float32), np.ones((40, 40), np.float32)
    a[3, 5] = np.nan
    c = np.empty((40, 40), np.float32)
    product(a, b, c, engine)
    assert np.isnan(c[3]).all()
    assert (np.delete(c, 3, 0) == 40).all()


@pytest.mark.parametrize(
    ("processor", "found", "expected"),
    [
        ("sapphirerapids", (AMX, DOT), AMX),
        ("emeraldrapids", (DOT,), 0),
        ("znver4", (DOT,), DOT),
        ("haswell", (), 0),
        ("znver3", (), 0),
    ],
)
def test_no_engine_is_used_that_is_slower_than_float32(monkeypatch, processor, found, expected):
    monkeypatch.setattr(bfloat16_tiles, "NAME", processor)
    monkeypatch.setattr(bfloat16_tiles, "engines", lambda: found)
    assert bfloat16_tiles.engine.__wrapped__() == expected


def test_the_faster_engine_comes_first():
    assert list(engines()) == sorted(engines(), reverse=True)
    assert set(engines()) <= {AMX, DOT}
