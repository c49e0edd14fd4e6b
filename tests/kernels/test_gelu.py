from __future__ import annotations

import numpy as np
import pytest

from minilm.kernels import gelu
from minilm.reference import gelu as reference
from tests.kernels.activations import agreement

test_equals_the_reference = agreement(gelu, reference)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 6e-7)])
@pytest.mark.parametrize("approximate", ["tanh", "none"])
@pytest.mark.parametrize("n", [41, 100_001])
def test_both_forms(n, approximate, dtype, tolerance):
    x = np.linspace(-20, 20, n).astype(dtype)
    y, saved = gelu.forward(x, approximate)
    # In float64 also for float32, where the reference itself is wrong by 2e-6 near x = 5.
    expected_y, expected = reference.forward(x.astype(np.float64), approximate)
    dy = np.cos(np.arange(n)).astype(dtype)
    assert (np.abs(y - expected_y) <= tolerance * np.abs(x)).all()
    dx, expected_dx = gelu.backward(dy, saved), reference.backward(dy, expected)
    np.testing.assert_allclose(dx, expected_dx, rtol=0, atol=tolerance)


@pytest.mark.parametrize("approximate", ["tanh", "none"])
def test_a_square_that_overflows(approximate):
    x = np.array([-1e30, -1e20, 1e20, 1e30], np.float32)
    y, saved = gelu.forward(x, approximate)
    np.testing.assert_array_equal(y, [0, 0, *x[2:]])
    np.testing.assert_array_equal(gelu.backward(np.ones_like(x), saved), [0, 0, 1, 1])


def test_an_unknown_form():
    with pytest.raises(ValueError, match="approximate"):
        gelu.forward(np.zeros(3), "erf")
