"""Numbers that are huge, denormal or signed zeros, rows that are constant or far from zero,
averages that are zero: both twins in both precisions, against the formulas in 100 digits."""

from __future__ import annotations

import functools
import importlib

import numpy as np
import pytest

from minilm.reference import linear, tanh
from tests.extremes import digits
from tests.extremes.digits import MP, close, erfc, every_side, exact, exp, mpf, run, sqrt

# With -x beside x. The largest is one whose cube, but not the result, leaves the dtype.
SIZES = [0.0, 2**-20, 0.5, 1.0, 2.0, 6.0, 9.0, 12.0, 20.0, 40.0, 88.0, 89.0, 104.0, 1e4, 2.0**60]
SMALLEST = {np.float32: 2.0**-149, np.float64: 2.0**-1074}
LARGEST = {np.float32: 2.0**100, np.float64: 2.0**1000}


def points(dtype):
    sizes = np.array([*SIZES, SMALLEST[dtype], 99 * SMALLEST[dtype], LARGEST[dtype]])
    return np.concatenate([sizes, -sizes])


def gelu_tanh(x):
    return x / (1 + exp(-2 * MP.sqrt(2 / MP.pi) * (x + MP.mpf(0.044715) * x**3)))


def gelu_exact(x):
    return x * erfc(-np.clip(x, -(10**5), 10**5) / MP.sqrt(2)) / 2


@functools.cache
def _of_points(formula, dtype):
    # One at a time: beside the largest, 100 digits would not hold the smallest.
    return _one_by_one(formula, points(dtype))


def _one_by_one(formula, x):
    dy = digits.upstream(x.shape[:1])
    found = [exact(formula, [x[i : i + 1]], dy[i : i + 1]) for i in range(len(x))]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


# In the left tail y is about exp(-z), and z, rounded before, is up to 87 in float32: 87 ulps
# for each rounding. In float64 it is up to 708.
TAIL = {np.float32: 250, np.float64: 2000}


@every_side
@pytest.mark.parametrize(
    ("formula", "approximate"), [(gelu_tanh, "tanh"), (gelu_exact, "none")], ids=["tanh", "exact"]
)
def test_gelu(formula, approximate, twin, dtype):
    x = points(dtype)
    y, dx = run(twin, "gelu", [x], dtype, approximate=approximate)
    wanted_y, wanted_dx = _of_points(formula, dtype)
    left = x < -1
    for result, wanted in ((y, wanted_y), (dx, wanted_dx)):
        close(result[~left], wanted[~left], ulps=4, each=True)
        # Below exp(-87) the exponential is 0, which a factor of up to x or x^3 may follow.
        close(result[left], wanted[left], ulps=TAIL[dtype], each=True, floor=1e4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh(dtype):
    x = points(dtype)
    y, dx = run("reference", "tanh", [x], dtype)
    wanted_y, wanted_dx = _of_points(digits.tanh, dtype)
    close(y, wanted_y, ulps=1, each=True)
    close(dx, wanted_dx, ulps=1)  # of 1: the slope is 1 - y^2, of a y that is rounded to 1


def swiglu(x):
    gate, up = np.split(x, 2, axis=-1)
    return gate / (1 + exp(-gate)) * up


@functools.cache
def _swiglu(dtype):
    gate = points(dtype)
    up = np.where(np.abs(gate) > 1e4, 0.75, np.resize([3.0, -(2.0**-126), 2.0**90], gate.shape))
    x = np.stack([gate, up], axis=-1)
    return x, _one_by_one(lambda x: swiglu(x)[:, 0], x)


@every_side
def test_swiglu(twin, dtype):
    x, (wanted_y, wanted_dx) = _swiglu(dtype)
    y, dx = run(twin, "swiglu", [x], dtype)
    y = y[:, 0]
    left = x[:, 0] < -1
    floor = 1e4 * 2.0**90  # the factor `up`
    for result, wanted in ((y, wanted_y), (dx, wanted_dx)):
        close(result[~left], wanted[~left], ulps=8, each=True)
        close(result[left], wanted[left], ulps=8, each=True, floor=floor)


@every_side
def test_squared_relu(twin, dtype):
    root = np.sqrt(LARGEST[dtype])
    x = np.array([root, -root, -LARGEST[dtype], 0.0, -0.0, SMALLEST[dtype], 2.0**-60, 3.0])
    y, dx = run(twin, "squared_relu", [x], dtype)
    positive = mpf(np.maximum(x, 0))
    close(y, positive * positive, ulps=0.5, each=True)
    close(dx, 2 * positive * mpf(digits.upstream(x.shape)), ulps=0.5, each=True)


# Rows of an odd number of channels. In float32 the numbers near 10,000 are 2^-10 apart.
ROWS = {
    "constant": np.full(7, np.float32(0.1)),
    "constant, far from zero": np.full(7, np.float32(1e4 + 0.3)),
    "zeros": np.array([0.0, -0.0, 0.0, 0.0, -0.0, 0.0, 0.0]),
    "a common offset": 1e4 + np.array([3, -5, 1, 0, 7, -2, 6]) / 2**9,
    "one large channel": np.array([1e4, 0, 0, 0, 0, 0, 0]),
    "denormal": np.array([3, -5, 1, 0, 7, -2, 6]) * 2.0**-149,
    "huge": np.array([3, -5, 1, 0, 7, -2, 6]) * 2.0**100,
    "one channel": np.array([1e4 + 0.5]),
}
EPS = 1e-5


def layer_norm(x, weight, bias):
    centred = x - x.mean(axis=-1, keepdims=True)
    var = (centred * centred).mean(axis=-1, keepdims=True)
    return centred / sqrt(var + MP.mpf(EPS)) * weight + bias


def rms_norm(x, weight):
    return x / sqrt((x * x).mean(axis=-1, keepdims=True) + MP.mpf(EPS)) * weight


@functools.cache
def _norm(formula, row):
    x = np.array([ROWS[row], -ROWS[row]], np.float64)
    weight = np.resize([1.0, -2.0, 2.0**-140, 0.75, 0.0], x.shape[1])
    args = [x, weight, np.resize([0.0, 0.5, 2.0**-149], x.shape[1])]
    args = args if formula is layer_norm else args[:2]
    return args, exact(formula, args)


@every_side
@pytest.mark.parametrize("formula", [layer_norm, rms_norm], ids=["layer_norm", "rms_norm"])
@pytest.mark.parametrize("row", ROWS)
def test_norms(row, formula, twin, dtype):
    args, wanted = _norm(formula, row)
    found = run(twin, formula.__name__, args, dtype)
    # Sums of terms of either sign may be far smaller: dy * weight * rstd, dy * x_hat, dy.
    x, dy = args[0], digits.upstream(args[0].shape)
    centred = x - x.mean(axis=-1, keepdims=True) if formula is layer_norm else x
    rstd = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPS)
    terms = (rstd * args[1], rstd * dy * args[1], dy * centred * rstd, dy)
    # The mean is a float64, and rounded itself if x is one.
    of_mean = np.abs(x.mean(axis=-1)).max() * rstd.max() / 2 if dtype is np.float64 else 0
    for result, expected, term in zip(found, wanted, terms, strict=False):
        size = max(np.abs(expected).max(), np.abs(term).max())
        close(result, expected, ulps=4 + of_mean, size=size)


@pytest.mark.parametrize("twin", ["kernels", "reference"])
def test_sums_over_many_rows(twin):
    x = np.random.default_rng(0).standard_normal((20_001, 5)).astype(np.float32)
    dy = np.random.default_rng(1).random((20_001, 5), dtype=np.float32)  # so that sums grow
    weight = np.ones(5, np.float32)
    found, wanted = [], []
    for name in ("layer_norm", "rms_norm"):
        for side, dtype in ((twin, np.float32), ("reference", np.float64)):
            operation = importlib.import_module(f"minilm.{side}.{name}")
            args = [x, weight, weight][: 3 if name == "layer_norm" else 2]
            _, saved = operation.forward(*(a.astype(dtype) for a in args))
            (found if dtype is np.float32 else wanted).extend(
                operation.backward(dy.astype(dtype), saved)[1:]
            )
    _, saved = linear.forward(x, np.eye(5, dtype=np.float32), weight)
    found.append(linear.backward(dy, saved)[2])
    wanted.append(dy.sum(axis=0, dtype=np.float64))
    for result, expected in zip(found, wanted, strict=True):
        # Added one by one in float32, 20,000 positive numbers are off by some 100 ulps.
        close(result, mpf(expected), ulps=4, size=max(np.abs(expected).max(), 500))


@every_side
def test_embedding_of_denormal_gradients(twin, dtype):
    operation = importlib.import_module(f"minilm.{twin}.embedding")
    ids = np.array([2, 0, 2, 2])
    dy = SMALLEST[dtype] * np.array([[1, -0.0], [5, 0], [2, -7], [4, 7]])
    _, saved = operation.forward(ids, np.zeros((3, 2), dtype))
    dweight = operation.backward(dy.astype(dtype), saved)
    np.testing.assert_array_equal(dweight / dtype(SMALLEST[dtype]), [[5, 0], [0, 0], [7, 0]])


@every_side
@pytest.mark.parametrize(("p", "share"), [(1e-12, 1), (1 - 1e-10, 0), (1 - 2.0**-53, 0)])
def test_dropout_of_nothing_and_of_everything(p, share, twin, dtype):
    x = np.arange(1.0, 100.0)
    for found in run(twin, "dropout", [x], dtype, p=p, key=3):
        assert np.isfinite(found).all()
        assert np.mean(found != 0) in (share, np.mean(digits.upstream(x.shape) != 0) * share)
    q = np.ones((1, 2, 6, 3))
    y, *gradients = run(twin, "attention", [q, q, q], dtype, dropout=p, key=3)
    # What is really dropped is a multiple of 2^-32, and where that is 0 nothing need be scaled.
    close(y, mpf(np.full(y.shape, share)), ulps=2 + 2.0**-33 / np.finfo(dtype).eps)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_saved_tanh_is_the_result():
    y, saved = tanh.forward(np.float32([100.0]))
    assert saved.y is y
    assert tanh.backward(y, saved) == 0
