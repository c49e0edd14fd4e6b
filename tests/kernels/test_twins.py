"""What holds for every kernel: it equals its reference, on one thread or several, on any
layout, and lets NaN through."""

from __future__ import annotations

import importlib

import numba
import numpy as np
import pytest

from minilm.gradient_check import check_operation, table
from minilm.kernels.jit import Kernel
from minilm.reference import rope

OPERATIONS = (
    "attention",
    "dropout",
    "embedding",
    "gelu",
    "layer_norm",
    "linear",
    "rms_norm",
    "rope",
    "softmax_cross_entropy",
    "squared_relu",
    "swiglu",
)
TOLERANCE = {np.float32: 5e-6, np.float64: 1e-13}  # of the largest number of the array
# Large enough for the parallel form, at sizes that no chunk and no vector divides.
N = 2051


def twins(name):
    return [importlib.import_module(f"minilm.{twin}.{name}") for twin in ("kernels", "reference")]


def arguments(name, dtype, n_rows=N):
    generator = np.random.default_rng(3)

    def normal(*shape):
        return generator.standard_normal(shape).astype(dtype)

    labels = generator.integers(0, 131, n_rows)
    return {
        "attention": lambda: ([normal(2, 4, n_rows // 4, 33) for _ in range(3)], {"causal": True}),
        "dropout": lambda: ([normal(n_rows, 67), 0.3, 2**63 + 5], {}),
        "embedding": lambda: ([labels, normal(131, 210)], {}),
        "gelu": lambda: ([normal(n_rows, 131)], {}),
        "layer_norm": lambda: ([normal(n_rows, 131), normal(131), normal(131)], {}),
        "linear": lambda: ([normal(n_rows, 67), normal(67, 70), normal(70)], {}),
        "rms_norm": lambda: ([normal(n_rows, 131), normal(131)], {}),
        "rope": lambda: ([normal(2, 4, n_rows, 18)], rope_tables(n_rows, dtype)),
        "softmax_cross_entropy": lambda: ([normal(n_rows, 131), labels], {"z_loss": 0.1}),
        "squared_relu": lambda: ([normal(n_rows, 203)], {}),
        "swiglu": lambda: ([normal(n_rows, 134)], {}),
    }[name]()


def rope_tables(n_positions, dtype):
    cos, sin = rope.tables(rope.frequencies(16), n_positions, start=3, dtype=dtype)
    return {"cos": cos, "sin": sin}


def results(operation, args, kwargs):
    """y and all gradients, for an upstream gradient that is the same for both twins."""
    y, saved = operation.forward(*args, **kwargs)
    dy = 1.7 if np.ndim(y) == 0 else np.random.default_rng(4).standard_normal(y.shape)
    dy = dy if np.ndim(y) == 0 else dy.astype(y.dtype)
    gradients = operation.backward(dy, saved)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    return [np.asarray(y), *gradients]


def assert_close(actual, expected, dtype):
    for a, b in zip(actual, expected, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * np.abs(b).max())


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients(name):
    rows = check_operation(name, twin="kernels")
    assert rows
    assert all(row.ok for row in rows), f"\n{table(rows)}"


@pytest.mark.parametrize("name", OPERATIONS)
def test_large_arrays_in_float32(name):
    kernel, reference = twins(name)
    args, kwargs = arguments(name, np.float32)
    before = [np.copy(x) for x in args]
    y_and_gradients = results(kernel, args, kwargs)
    assert_close(y_and_gradients, results(reference, args, kwargs), np.float32)
    for x, old in zip(args, before, strict=True):
        np.testing.assert_array_equal(x, old)


@pytest.mark.parametrize("name", OPERATIONS)
def test_threads_do_not_change_a_bit(name):
    kernel, _ = twins(name)
    args, kwargs = arguments(name, np.float32)
    found = []
    for n_threads in (1, numba.config.NUMBA_NUM_THREADS, 1):
        numba.set_num_threads(n_threads)
        found.append(results(kernel, args, kwargs))
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    for compiled in vars(kernel).values():
        if isinstance(compiled, Kernel) and "exact" not in compiled.__name__:
            assert compiled.sized(10**9).signatures, "the arrays are too small"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPERATIONS)
def test_strided_views(name, dtype):
    kernel, reference = twins(name)
    args, kwargs = arguments(name, dtype, n_rows=23)
    # The same numbers, with gaps between neighbours and the axes in another order.
    strided = []
    for x in args:
        if isinstance(x, np.ndarray):
            gaps = np.zeros((*x.shape[::-1], 2), x.dtype)
            gaps[..., 1] = x.T
            x = gaps[..., 1].T
        strided.append(x)
    assert_close(results(kernel, strided, kwargs), results(reference, args, kwargs), dtype)


@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {"dropout"}))
def test_nan_comes_through(name):
    kernel, reference = twins(name)
    args, kwargs = arguments(name, np.float32, n_rows=23)
    first = next(i for i, x in enumerate(args) if x.dtype == np.float32)
    args[first][-1, ..., -3] = np.nan
    with np.errstate(invalid="ignore"):
        expected = results(reference, args, kwargs)
    assert np.isnan(expected[0]).any() or name == "embedding"  # the last row is not looked up
    for a, b in zip(results(kernel, args, kwargs), expected, strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))


@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {"attention", "rope"}))
def test_no_rows(name):
    kernel, _ = twins(name)
    args, kwargs = arguments(name, np.float64, n_rows=0)
    y, *gradients = results(kernel, args, kwargs)
    assert y.size == 0 or y == 0
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, 0)
