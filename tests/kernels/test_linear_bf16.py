"""The twins of the linear map in mixed precision, and what is left to the reference."""

from __future__ import annotations

import numpy as np
import pytest

from minilm.kernels import linear_bf16
from minilm.kernels.bfloat16_tiles import engines
from minilm.reference import linear_bf16 as reference


def case(dtype=np.float32, shape=(3, 50, 70), n_out=90):
    generator = np.random.default_rng(1)
    x = generator.standard_normal(shape).astype(dtype)
    weight = generator.standard_normal((shape[-1], n_out)).astype(dtype)
    bias = generator.standard_normal(n_out).astype(dtype)
    return x, weight, bias, generator.standard_normal((*shape[:-1], n_out)).astype(dtype)


def assert_close(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        if b is None:
            assert a is None
        else:
            np.testing.assert_allclose(a, b, rtol=0, atol=3e-6 * abs(b).max())


@pytest.fixture(params=[0, *engines()])
def each_engine(request, monkeypatch):
    """Every way to multiply; 0 is float32."""
    monkeypatch.setattr(linear_bf16, "engine", lambda: request.param)


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 50, 70), (70,), (1, 1), (400, 33), (1100, 800)])
def test_twins(shape, has_bias):
    x, weight, bias, dy = case(shape=shape)
    bias = bias if has_bias else None
    y, saved = linear_bf16.forward(x, weight, bias)
    expected, s = reference.forward(x, weight, bias)
    assert_close([y], [expected])
    assert_close(linear_bf16.backward(dy, saved), reference.backward(dy, s))


@pytest.mark.usefixtures("each_engine")
def test_a_tied_table():
    x, weight, _, dy = case()
    table = np.ascontiguousarray(weight.T)
    y, saved = linear_bf16.forward(x, table.T)
    assert_close([y], [reference.forward(x, weight)[0]])
    out = np.ones_like(table).T, None
    _, dweight, _ = linear_bf16.backward(dy, saved, out)
    assert dweight is out[0]
    expected = 1 + reference.backward(dy, reference.Saved(x, weight, False))[1]
    assert_close([dweight], [expected])


def test_other_dtypes_are_the_reference_s():
    x, weight, bias, dy = case(np.float64)
    y, saved = linear_bf16.forward(x, weight, bias)
    expected, s = reference.forward(x, weight, bias)
    np.testing.assert_array_equal(y, expected)
    for a, b in zip(linear_bf16.backward(dy, saved), reference.backward(dy, s), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("each_engine")
def test_a_nan_is_not_lost():
    x, weight, _, dy = case(shape=(40, 70))
    x[3, 5] = np.nan
    y, saved = linear_bf16.forward(x, weight)
    assert np.isnan(y[3]).all()
    assert not np.isnan(np.delete(y, 3, 0)).any()
    dweight = linear_bf16.backward(dy, saved)[1]
    assert np.isnan(dweight[5]).all()
    assert not np.isnan(np.delete(dweight, 5, 0)).any()
