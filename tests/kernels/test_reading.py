"""The sum that measures how fast memory is read: it must touch every number, once."""

import numpy as np
import pytest

from minilm.kernels.reading import total


@pytest.mark.parametrize("size", [0, 1, 7, 2**18 - 1, 2**18, 2**18 + 3, 3 * 2**18 + 1])
def test_every_number_is_read_once(size):
    x = np.random.default_rng(0).integers(-8, 9, size).astype(np.float32)
    expected = x.astype(float).sum()
    assert total(x) == expected
