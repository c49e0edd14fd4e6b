import numba
import numpy as np
import pytest

from minilm.aligned import LINE
from minilm.kernels.scratch import filled, release, scratch, zeros
from minilm.machine import resident_bytes


@numba.njit
def _used(like, n):
    x, y, z = scratch(n, like.dtype), zeros(n, like.dtype), filled(n, 3, like.dtype)
    x[:] = 1
    found = x.copy(), y.copy(), z.copy()
    addresses = x.ctypes.data, y.ctypes.data, z.ctypes.data
    for room in (x, y, z):
        release(room)
    return found, addresses


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint32])
@pytest.mark.parametrize("n", [0, 1, 17, 4096])
def test_room_for_a_kernel_begins_with_a_line(dtype, n):
    found, addresses = _used(np.zeros(1, dtype), n)
    assert [address % LINE for address in addresses] == [0, 0, 0]
    assert [x.dtype for x in found] == [dtype] * 3
    assert [x.tolist() for x in found] == [[1] * n, [0] * n, [3] * n]


@numba.njit
def _taken_again(times, n):
    for _ in range(times):
        x = filled(n, 1.0, np.float64)
        release(x)


def test_what_is_given_back_is_taken_again():
    _taken_again(1, 10**6)
    before = resident_bytes()
    _taken_again(100, 10**6)
    assert resident_bytes() - before < 40e6  # and not 800


@numba.njit
def _too_much():
    release(scratch(2**60, np.float32))


def test_no_room_is_a_memory_error():
    with pytest.raises(MemoryError):
        _too_much()
