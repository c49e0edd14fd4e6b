from __future__ import annotations

import numpy as np
import pytest

from minilm.kernels import swiglu
from minilm.reference import swiglu as reference
from tests.kernels.activations import agreement

test_equals_the_reference = agreement(swiglu, reference)


def test_gates_wide_open_and_shut_do_not_overflow():
    x = np.array([[-3e4, 3e4, -90.0, 2.0, 2.0, 2.0]], np.float32)
    y, saved = swiglu.forward(x)
    np.testing.assert_allclose(y, [[0, 6e4, 0]], atol=1e-30)
    dx = swiglu.backward(np.ones_like(y), saved)
    np.testing.assert_allclose(dx, [[0, 2, 0, 0, 3e4, 0]], atol=1e-30)


def test_an_odd_number_of_channels():
    with pytest.raises(ValueError, match="3 is odd"):
        swiglu.forward(np.zeros((2, 3)))
