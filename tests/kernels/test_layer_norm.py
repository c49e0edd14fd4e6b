from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import layer_norm
from minilm.reference import layer_norm as reference


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@settings(max_examples=30)
@given(
    shape=st.lists(st.sampled_from([1, 2, 3, 5, 17, 40]), max_size=2),
    n_channels=st.sampled_from([1, 2, 3, 7, 8, 16, 31, 100]),
    seed=st.integers(0, 2**32),
)
def test_equals_the_reference(dtype, tolerance, shape, n_channels, seed):
    generator = np.random.default_rng(seed)

    def normal(*shape):
        return np.asarray(generator.standard_normal(shape)).astype(dtype)

    x, dy = normal(*shape, n_channels), normal(*shape, n_channels)
    args = [x, normal(n_channels)]
    if seed % 2:
        args.append(normal(n_channels))
    y, saved = layer_norm.forward(*args, eps=1e-2)
    expected_y, expected = reference.forward(*args, eps=1e-2)
    onto = None if seed % 3 == 0 else normal(*shape, n_channels)
    actual = [y, *layer_norm.backward(dy, saved, onto), *saved[2:4]]
    wanted = [expected_y, *reference.backward(dy, expected, onto), *expected[2:4]]
    for a, b in zip(actual, wanted, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))


def test_far_from_zero():
    # The variance is the mean square of x - mean: as mean(x^2) - mean^2 it would be lost here.
    x = (1000 + np.random.default_rng(0).standard_normal((4, 50))).astype(np.float32)
    one, zero = np.ones(50, np.float32), np.zeros(50, np.float32)
    y, _ = layer_norm.forward(x, one, zero)
    expected, _ = reference.forward(x.astype(np.float64), np.ones(50), np.zeros(50))
    np.testing.assert_allclose(y, expected, atol=1e-6)


def test_gradients_far_from_zero():
    # The mean has digits that float32 cannot hold: where they are lost, all of x - mean is off.
    generator = np.random.default_rng(0)
    x, dy = (
        (1000 + generator.standard_normal((4, 50))).astype(np.float32),
        generator.random((4, 50)),
    )
    ones, zeros = np.ones(50), np.zeros(50)
    _, saved = layer_norm.forward(x, ones.astype(np.float32), zeros.astype(np.float32))
    _, expected = reference.forward(x.astype(np.float64), ones, zeros)
    found = layer_norm.backward(dy.astype(np.float32), saved)
    for a, b in zip(found, reference.backward(dy, expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-6)
