"""Where each tensor of a foreign file lies within our parameters.

Others store a linear map as (out, in), and queries, keys and values apart; here it is
(in, out), and the three side by side in one matrix. A `Piece` says which part of which of
our parameters one of their tensors is, for both directions: a parameter, or a gradient of
the same shape, is read from tensors and written to them by the same list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Piece", "heads_of_three", "joined", "linear", "plain"]


@dataclass(frozen=True)
class Piece:
    """One foreign tensor as a part of one parameter.

    Attributes
    ----------
    tensor, parameter : str
        Their name, and ours.
    transposed : bool
        Theirs is (out, in), ours (in, out).
    rows : slice or ndarray of int
        Row r of theirs is row ``rows[r]`` of ours, or column if `transposed`.
    """

    tensor: str
    parameter: str
    transposed: bool = False
    rows: slice | NDArray = field(default_factory=lambda: slice(None))

    def shape(self, parameter: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the foreign tensor, from that of our parameter."""
        ours = parameter[::-1] if self.transposed else parameter
        n_rows = len(range(ours[0])[self.rows]) if isinstance(self.rows, slice) else len(self.rows)
        return (n_rows, *ours[1:])

    def get(self, array: NDArray) -> NDArray:
        """The foreign tensor from our parameter; a view where possible."""
        return (array.T if self.transposed else array)[self.rows]

    def put(self, array: NDArray, at: slice, block: NDArray) -> None:
        """Write rows `at` of the foreign tensor into our parameter."""
        target = array.T if self.transposed else array
        if isinstance(self.rows, slice):
            start = self.rows.start or 0
            target[start + at.start : start + at.stop] = block
        else:
            target[self.rows[at]] = block


def linear(theirs: str, ours: str, *, bias: bool) -> Iterator[Piece]:
    """A linear map stored as (out, in)."""
    yield Piece(f"{theirs}.weight", f"{ours}.weight", transposed=True)
    if bias:
        yield Piece(f"{theirs}.bias", f"{ours}.bias")


def plain(theirs: str, ours: str, *, bias: bool) -> Iterator[Piece]:
    """A weight, and perhaps a bias, stored as ours are: norms, and GPT-2's linear maps."""
    yield Piece(f"{theirs}.weight", f"{ours}.weight")
    if bias:
        yield Piece(f"{theirs}.bias", f"{ours}.bias")


def joined(theirs: dict[str, int], ours: str, *, bias: bool) -> Iterator[Piece]:
    """Several maps (out, in), which here lie side by side: their names and `out` sizes."""
    start = 0
    for name, size in theirs.items():
        columns = slice(start, start + size)
        yield Piece(f"{name}.weight", f"{ours}.weight", transposed=True, rows=columns)
        if bias:
            yield Piece(f"{name}.bias", f"{ours}.bias", rows=columns)
        start += size


def heads_of_three(
    theirs: str, ours: str, n_head: int, head_size: int, *, bias: bool
) -> Iterator[Piece]:
    """Queries, keys and values by head, (H, 3, D) rows, which here come as (3, H, D)."""
    ours_in_order = np.arange(3 * n_head * head_size).reshape(3, n_head, head_size)
    rows = ours_in_order.transpose(1, 0, 2).reshape(-1)
    yield Piece(f"{theirs}.weight", f"{ours}.weight", transposed=True, rows=rows)
    if bias:
        yield Piece(f"{theirs}.bias", f"{ours}.bias", rows=rows)
