"""Products with weights that are kept packed: against float64."""

import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minilm.kernels import half_weights, packed_halves
from minilm.kernels.bfloat16_tiles import AMX, engines
from minilm.reference import half_weights as reference
from minilm.reference.half_weights import narrow, widen

SIZES = st.sampled_from([1, 2, 15, 16, 17, 31, 32, 33, 64, 65, 130])


def _arrays(n, size, columns, order="C", seed=0):
    normal = np.random.default_rng(seed).standard_normal
    x, weight, bias = (normal(s).astype("f4") for s in ((n, size), (size, columns), (columns,)))
    return x, np.asarray(weight, order=order), bias


@given(size=SIZES, columns=SIZES, order=st.sampled_from("CF"))
@settings(max_examples=40)
def test_what_is_packed_is_the_rounded_weight(size, columns, order):
    _, weight, _ = _arrays(1, size, columns, order)
    packed = packed_halves.pack(weight)
    assert packed.shape == weight.shape
    assert packed.nbytes >= 2 * weight.size
    assert np.array_equal(np.asarray(packed), narrow(weight))


@given(n=st.integers(1, 40), size=SIZES, columns=SIZES, biased=st.booleans())
@settings(max_examples=30)
@example(n=9, size=130, columns=300, biased=True)  # more columns than are widened at once
@example(n=37, size=130, columns=300, biased=True)
def test_without_a_matrix_unit_the_error_is_of_float32(n, size, columns, biased):
    x, weight, bias = _arrays(n, size, columns)
    bias = bias if biased else None
    packed = half_weights.keep(weight)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_halves, "engines", lambda: ())
        y = half_weights.linear(x, packed, bias)
    scale = np.abs(x).astype(float) @ np.abs(widen(narrow(weight))) + 1e-30
    scale += 0 if bias is None else np.abs(bias)
    expected = reference.linear(x.astype(float), packed, bias)
    assert (np.abs(y - expected) <= 8e-7 * scale).all()


@given(n=st.integers(1, 40), size=SIZES, columns=SIZES, biased=st.booleans())
@settings(max_examples=60)
@example(n=300, size=130, columns=65, biased=True)  # more groups than stay in the cache
def test_the_error_is_that_of_16_bits_of_x(n, size, columns, biased):
    x, weight, bias = _arrays(n, size, columns)
    bias = bias if biased else None
    packed = half_weights.keep(weight)
    y = half_weights.linear(x, packed, bias)
    expected = reference.linear(x.astype(float), packed, bias)
    scale = np.abs(x).astype(float) @ np.abs(widen(narrow(weight))) + 1e-30
    scale += 0 if bias is None else np.abs(bias)
    few = n <= packed_halves._FEW or AMX not in engines()
    assert (np.abs(y - expected) <= (8e-7 if few else 2**-16 + 8e-7) * scale).all()
    assert np.array_equal(half_weights.linear(x.astype(float), packed, bias), expected)


@given(size=SIZES, columns=SIZES, order=st.sampled_from("CF"))
@settings(max_examples=40)
def test_a_processor_that_does_not_round_packs_the_same(size, columns, order):
    _, weight, _ = _arrays(1, size, columns, order)
    packed = packed_halves.pack(weight)
    again = packed_halves.Packed(np.full_like(packed.words, 12345), weight.shape)
    again.set(weight)
    np.testing.assert_array_equal(again.words, packed.words)


@pytest.mark.parametrize("n", [2, 7, 16, 37])
def test_a_row_has_the_same_bits_beside_others_on_any_threads(n):
    x, weight, bias = _arrays(n, 300, 1100)
    packed, before = half_weights.keep(weight), numba.get_num_threads()
    together = half_weights.linear(x, packed, bias)
    try:
        for threads in range(1, before + 1):
            numba.set_num_threads(threads)
            assert np.array_equal(half_weights.linear(x, packed, bias), together)
    finally:
        numba.set_num_threads(before)
    fewer = n - 16 if n > 16 else n - 1 if n > 2 else n
    assert np.array_equal(half_weights.linear(x[:fewer], packed, bias), together[:fewer])


def test_no_row_no_column():
    _, weight, bias = _arrays(1, 5, 7)
    packed = half_weights.keep(weight)
    assert half_weights.linear(np.empty((2, 0, 5), np.float32), packed, bias).shape == (2, 0, 7)
