from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import adamw
from minilm.kernels.layout import CHUNK
from minilm.reference import adamw as reference


def state(n, dtype, seed=0):
    generator = np.random.default_rng(seed)
    values, gradients, m = generator.standard_normal((3, n)).astype(dtype)
    return [values, gradients, m, generator.random(n).astype(dtype)]


OPTIONS = {"learning_rate": 0.03, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.2}


@settings(max_examples=30)
@given(
    st.integers(0, 70),
    st.floats(0, 1),
    st.integers(1, 1000),
    st.floats(0, 3),
    st.sampled_from([(np.float64, 1e-13), (np.float32, 3e-6)]),
)
def test_equals_the_reference(n, share, step, scale, kind):
    dtype, tolerance = kind
    options = {**OPTIONS, "n_decay": round(share * n), "step": step, "scale": scale}
    actual, expected = state(n, dtype), state(n, dtype)
    adamw.step(*actual, **options)
    reference.step(*expected, **options)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("beta2", [0.0, 0.3, 0.95])
@pytest.mark.parametrize("beta1", [0.0, 0.3, 0.9])
def test_averages_long_and_short(beta1, beta2):
    options = {**OPTIONS, "beta1": beta1, "beta2": beta2, "n_decay": 3, "step": 4}
    actual, expected = state(9, np.float64), state(9, np.float64)
    adamw.step(*actual, **options)
    reference.step(*expected, **options)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


@pytest.mark.parametrize("n_decay", [0, 5, CHUNK, CHUNK + 1, 3 * CHUNK - 1, 9 * CHUNK + 3])
def test_decay_ends_anywhere_and_threads_do_not_matter(n_decay):
    n = 9 * CHUNK + 3
    expected = state(n, np.float32)
    reference.step(*expected, step=2, n_decay=n_decay, **OPTIONS)
    found = []
    for n_threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(n_threads)
        found.append(state(n, np.float32))
        adamw.step(*found[-1], step=2, n_decay=n_decay, **OPTIONS)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for a, b, c in zip(*found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=3e-6, atol=3e-6)


def test_the_first_step_is_number_one():
    with pytest.raises(ValueError, match="counts from 1"):
        adamw.step(*state(3, np.float64), step=0, n_decay=0, **OPTIONS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, CHUNK, CHUNK + 3, 150_001])
def test_norm_and_clear(n, dtype):
    x = np.random.default_rng(n).standard_normal(n).astype(dtype)
    exact = np.sqrt((x.astype(float) ** 2).sum())
    assert adamw.norm(x) == pytest.approx(exact, rel=1e-6)
    assert adamw.norm(x) == adamw.norm(x.copy())
    adamw.clear(x)
    assert not x.any()


def test_no_thread_changes_the_norm():
    x = np.random.default_rng(0).standard_normal(300_000).astype(np.float32)
    threads = numba.get_num_threads()
    try:
        found = set()
        for n in range(1, threads + 1):
            numba.set_num_threads(n)
            found.add(adamw.norm(x))
    finally:
        numba.set_num_threads(threads)
    assert len(found) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_norm_shows_what_is_not_finite(bad):
    x = np.ones(10_000, np.float32)
    x[9_000] = bad
    assert not np.isfinite(adamw.norm(x))
