from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.kernels import layer_norm, rms_norm
from minilm.reference import layer_norm as layer_norm_reference
from minilm.reference import rms_norm as rms_norm_reference


@pytest.mark.parametrize(
    ("kernel", "reference"),
    [(layer_norm, layer_norm_reference), (rms_norm, rms_norm_reference)],
    ids=["layer_norm", "rms_norm"],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@settings(max_examples=25)
@given(
    shape=st.lists(st.sampled_from([1, 2, 3, 5, 17, 40]), max_size=2),
    n_channels=st.sampled_from([1, 2, 3, 7, 8, 16, 31, 100]),
    seed=st.integers(0, 2**32),
)
def test_equals_the_reference(kernel, reference, dtype, tolerance, shape, n_channels, seed):
    generator = np.random.default_rng(seed)

    def normal(*shape):
        return np.asarray(generator.standard_normal(shape)).astype(dtype)

    x, dy = normal(*shape, n_channels), normal(*shape, n_channels)
    args = [x, normal(n_channels)]
    if kernel is layer_norm:
        args.append(normal(n_channels) if seed % 2 else None)
    y, saved = kernel.forward(*args, eps=1e-2)
    expected_y, expected = reference.forward(*args, eps=1e-2)
    actual, wanted = (
        (y, *kernel.backward(dy, saved)),
        (expected_y, *reference.backward(dy, expected)),
    )
    for a, b in zip(actual, wanted, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()))
    for a, b in zip(saved[2:], expected[2:], strict=True):
        np.testing.assert_allclose(a, b, rtol=10 * tolerance, atol=tolerance)
