from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import rms_norm
from minilm.reference import rms_norm as reference


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
    y, saved = rms_norm.forward(*args, eps=1e-2)
    expected_y, expected = reference.forward(*args, eps=1e-2)
    onto = None if seed % 3 == 0 else normal(*shape, n_channels)
    actual = [y, *rms_norm.backward(dy, saved, onto), *saved[2:4]]
    wanted = [expected_y, *reference.backward(dy, expected, onto), *expected[2:4]]
    for a, b in zip(actual, wanted, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))
