"""Compiled twin of `minilm.reference.bpe_counting`: pieces in a hash table that grows.

The last word of a row of `bpe_table` is the count here. The bytes of short pieces stand in
the rows themselves, so only long ones are kept apart.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm.kernels.bpe_pieces import next_piece
from minilm.kernels.bpe_table import SHORT, constant, copy, find, mixed, piece_key, piece_size
from minilm.kernels.jit import kernel

__all__ = ["PieceCounts"]

_ROWS, _KEPT = 1 << 16, 1 << 16


class PieceCounts:
    """Counts the pieces of texts that come one after the other."""

    def __init__(self, classes: NDArray, pattern: int) -> None:
        self._classes = constant(classes)
        self._pattern = pattern
        self._rows = np.zeros((_ROWS, 4), np.int64)
        self._kept = np.empty(_KEPT, np.uint8)
        self._used = np.zeros(2, np.int64)  # rows, bytes kept

    def add(self, data: NDArray) -> None:
        """Count the pieces of one more text (n,) uint8."""
        data, position = constant(data), 0
        while position < data.size:
            # The table is full, or room for so many bytes is wanted.
            position, wanted = _add(
                data, position, self._classes, self._pattern, self._rows, self._kept, self._used
            )
            if wanted:
                self._kept = np.concatenate([self._kept, np.empty(len(self._kept) + wanted, "u1")])
            elif position < data.size:
                rows = np.zeros((2 * len(self._rows), 4), np.int64)
                _move(self._rows, rows)
                self._rows = rows

    def result(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """The bytes of the different pieces (n,), the end of each (p,), and the counts (p,)."""
        rows = self._rows[self._rows[:, 2] != 0]
        ends = np.cumsum(rows[:, 2] >> 32)
        pieces = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
        _write(rows, self._kept, pieces)
        return pieces, ends, rows[:, 3].copy()


@kernel(always=True)
def _add(data, position, classes, pattern, rows, kept, used):
    while position < data.size:
        if 2 * used[0] >= len(rows):
            return position, 0
        end = next_piece(data, position, classes, pattern)
        size = end - position
        first, second = piece_key(data, position, size)
        row = find(rows, kept, data, position, size, first, second)
        if rows[row, 2] == 0:
            if size > SHORT:
                if used[1] + size > kept.size:
                    return position, size
                second = used[1]
                copy(data, position, size, kept, second)
                used[1] += size
            rows[row, 0], rows[row, 1], rows[row, 2] = first, second, size << 32
            used[0] += 1
        rows[row, 3] += 1
        position = end
    return position, 0


@kernel(always=True)
def _move(rows, larger):
    mask = len(larger) - 1
    for i in range(len(rows)):
        if rows[i, 2] != 0:
            second = rows[i, 1] if piece_size(rows, i) <= SHORT else np.int64(0)
            row = mixed(rows[i, 0], second) & mask
            while larger[row, 2] != 0:
                row = (row + 1) & mask
            larger[row] = rows[i]


@kernel(always=True)
def _write(rows, kept, pieces):
    place = 0
    for row in range(len(rows)):
        size = piece_size(rows, row)
        if size <= SHORT:
            for i in range(size):
                pieces[place + i] = rows[row, i >> 3] >> (8 * (i & 7)) & 0xFF
        else:
            copy(kept, rows[row, 1], size, pieces, place)
        place += size
