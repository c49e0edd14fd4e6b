from __future__ import annotations

import numpy as np
import pytest

from minilm.kernels.layout import CHUNK, is_regular, memory, rows, rows_per_part


def elements(x):
    """x read back, number by number, from what `memory` says."""
    axis, strides = memory(x)
    places = np.zeros(x.shape, int)
    for axis_number, stride in enumerate(strides):
        shape = [1] * x.ndim
        shape[axis_number] = -1
        places = places + stride * np.arange(x.shape[axis_number]).reshape(shape)
    assert axis.flags.c_contiguous
    assert axis.size == places.max() + 1
    return axis[places]


def views():
    x = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 3, 4, 6)
    yield "contiguous", x, True
    yield "heads of a fused array", x[:, :, 1:3].transpose(0, 2, 1, 3), True
    yield "part of the channels", x[..., 2:5], True
    yield "one sequence for all", np.broadcast_to(x[:1], x.shape), True
    yield "reversed", x[:, ::-1], False
    yield "every second channel", x[..., ::2], False
    yield "channels first", x.transpose(3, 0, 1, 2), False
    record = np.zeros(5, [("a", "u2"), ("b", "f4", 3)])
    yield "in records", record["b"], False


@pytest.mark.parametrize(("name", "x", "shown"), list(views()))
def test_memory(name, x, shown):
    np.testing.assert_array_equal(elements(x), x)
    assert is_regular(x) == shown
    assert np.shares_memory(memory(x)[0], x) == shown


def test_memory_of_nothing():
    axis, strides = memory(np.zeros((0, 3)))
    assert (axis.size, len(strides)) == (0, 2)


def test_rows():
    x = np.arange(24).reshape(2, 3, 4)
    assert np.shares_memory(rows(x), x)
    np.testing.assert_array_equal(rows(x.transpose(1, 0, 2)), x.transpose(1, 0, 2).reshape(6, 4))
    assert rows(np.zeros((3, 0))).shape == (0, 0)


def test_parts_are_few_and_not_tiny():
    for n_rows in (0, 1, 16, 17, 511, 512, 513, 100_000):
        size = rows_per_part(n_rows)
        assert size >= 16
        assert size * 32 >= n_rows
        assert size == 16 or (size - 1) * 32 < n_rows
    assert CHUNK % 4 == 0  # four elements share a counter of dropout
