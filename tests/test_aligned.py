import numpy as np
import pytest

from minilm import aligned
from minilm.aligned import LINE, WORTH


@pytest.mark.parametrize("make", [aligned.empty, aligned.zeros])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (1000, 7), (WORTH,)])
def test_a_large_array_begins_with_a_line(make, dtype, shape):
    for _ in range(5):  # memory from the system begins anywhere
        x = make(shape, dtype)
        assert x.shape == shape
        assert x.dtype == dtype
        assert x.nbytes < WORTH or x.ctypes.data % LINE == 0
        assert x.flags.c_contiguous
        assert x.flags.writeable


def test_zeros_are_zero_and_arrays_are_apart():
    x, y = aligned.zeros((50,), np.float32), aligned.zeros((50,), np.float32)
    x += 1
    assert not y.any()
    assert x.tolist() == [1.0] * 50
