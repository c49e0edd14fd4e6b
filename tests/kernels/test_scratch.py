import functools

import numba
import numpy as np
import pytest

from minilm.aligned import LINE
from minilm.kernels import (
    attention,
    attention_bf16,
    half_weights,
    linear,
    linear_bf16,
)
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


def _attend(operation):
    q = np.random.default_rng(0).standard_normal((2, 8, 200, 64)).astype(np.float32)
    y, saved = operation.forward(q, q, q, causal=True)
    operation.backward(y, saved)


def _attend_to_many():
    q, k = np.ones((2, 8, 1, 64), np.float32), np.ones((2, 8, 20_000, 64), np.float32)
    attention.forward(q, k, k, causal=True)


def _map(operation):
    x, weight = np.ones((300, 800), np.float32), np.ones((800, 300), np.float32)
    y, saved = operation.forward(x, weight, np.ones(300, np.float32))
    operation.backward(y, saved)


def _map_few():
    linear.forward(np.ones((8, 2048), np.float32), np.ones((2048, 300), np.float32))


@functools.cache
def _halves():
    return half_weights.keep(np.ones((2048, 300), np.float32))


def _map_by_halves():
    half_weights.linear(np.ones((16, 2048), np.float32), _halves())


USES = {  # and how often room not given back would fill 50 MB and more
    "attention": (lambda: _attend(attention), 10),
    "attention of few queries": (_attend_to_many, 50),
    "attention in bf16": (lambda: _attend(attention_bf16), 10),
    "a product": (lambda: _map(linear), 100),
    "a product of few rows": (_map_few, 1000),
    "a product in bf16": (lambda: _map(linear_bf16), 100),
    "a product with half weights": (_map_by_halves, 1000),
}


@pytest.mark.parametrize("name", USES)
def test_kernels_give_back_their_room(name):
    use, times = USES[name]
    for _ in range(3):
        use()
    before = resident_bytes()
    for _ in range(times):
        use()
    assert resident_bytes() - before < 20e6
