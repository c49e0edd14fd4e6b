"""Rounding to bfloat16 by hand, and the linear map against that of the rounded factors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.reference import linear, linear_bf16
from minilm.reference.linear_bf16 import rounded


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_nothing_in_bfloat16_is_nearer(x):
    value = np.array([x], np.float32)
    bits = value.view(np.uint32) & np.uint32(0xFFFF0000)
    below, above = bits.view(np.float32)[0], (bits + np.uint32(0x10000)).view(np.float32)[0]
    found = float(rounded(value)[0])
    assert found in (below, above)
    nearest = min(abs(float(below) - x), abs(float(above) - x))
    if np.isfinite(above):
        assert abs(found - x) == nearest


def test_ties_go_to_even_and_nothing_else_is_lost():
    ties = np.array([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8], np.float32)
    assert rounded(ties).tolist() == [1.0, 1 + 4 * 2**-8, -1.0]
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 3.4e38], np.float32)
    y = rounded(x)
    assert np.isnan(y[0])
    assert y[1:3].tolist() == [np.inf, -np.inf]
    assert np.signbit(y[3:5]).tolist() == [False, True]
    assert y[5] == np.inf


def test_a_nan_of_any_bits_stays_one():
    bits = np.array([0x7FFFFFFF, 0x7F800001, 0xFFFFFFFF], np.uint32)
    assert np.isnan(rounded(bits.view(np.float32))).all()


def _case(dtype):
    generator = np.random.default_rng(3)
    shapes = ((2, 5, 7), (7, 3), (3,), (2, 5, 3))
    return [generator.standard_normal(shape).astype(dtype) for shape in shapes]


def test_it_is_linear_of_rounded_factors():
    x, weight, bias, dy = _case(np.float32)
    y, saved = linear_bf16.forward(x, weight, bias)
    expected, s = linear.forward(rounded(x), rounded(weight), bias)
    np.testing.assert_array_equal(y, expected)
    dx, dweight, dbias = linear_bf16.backward(dy, saved)
    expected = linear.backward(rounded(dy), s)
    np.testing.assert_array_equal(dx, expected[0])
    np.testing.assert_array_equal(dweight, expected[1])
    np.testing.assert_allclose(dbias, dy.sum((0, 1)), rtol=1e-6)
    assert abs(dbias - expected[2]).max() > 0  # dbias needs no product, so no rounding


def test_out_is_added_to():
    x, weight, bias, dy = _case(np.float32)
    _, saved = linear_bf16.forward(x, weight, bias)
    _, dweight, dbias = linear_bf16.backward(dy, saved)
    out = np.ones((7, 3), np.float32), np.full(3, 2, np.float32)
    _, *found = linear_bf16.backward(dy, saved, out)
    assert found[0] is out[0]
    assert found[1] is out[1]
    np.testing.assert_allclose(out[0], 1 + dweight, rtol=1e-6)
    np.testing.assert_allclose(out[1], 2 + dbias, rtol=1e-6)


@pytest.mark.parametrize("has_bias", [True, False])
def test_float64_is_not_rounded(has_bias):
    x, weight, bias, dy = _case(np.float64)
    bias = bias if has_bias else None
    y, saved = linear_bf16.forward(x, weight, bias)
    expected, s = linear.forward(x, weight, bias)
    np.testing.assert_array_equal(y, expected)
    for found, wanted in zip(linear_bf16.backward(dy, saved), linear.backward(dy, s), strict=True):
        np.testing.assert_array_equal(found, wanted)
