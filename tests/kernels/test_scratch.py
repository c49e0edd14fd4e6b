import numba
import numpy as np
import pytest

from minilm.aligned import LINE
from minilm.kernels.scratch import scratch, zeros


@numba.njit
def _addresses(like, n):
    x, y = scratch(n, like.dtype), zeros(n, like.dtype)
    x[:] = 1
    return x, y, x.ctypes.data, y.ctypes.data


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint32])
@pytest.mark.parametrize("n", [0, 1, 17, 4096])
def test_room_for_a_kernel_begins_with_a_line(dtype, n):
    x, y, *addresses = _addresses(np.zeros(1, dtype), n)
    assert [address % LINE for address in addresses] == [0, 0]
    assert x.dtype == y.dtype == dtype
    assert x.tolist() == [1] * n
    assert y.tolist() == [0] * n
