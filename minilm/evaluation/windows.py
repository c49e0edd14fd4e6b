r"""Rolling windows: every token scored once, with as much before it as the model can hold.

A model reads at most T tokens, and a document may have more. Cut into pieces of T, each
token is scored once, but the first of a piece with nothing before it. So windows overlap:
each is T long, ends `stride` further than the one before, and only its last `stride` tokens
are scored; what stands before them is there to be read.

    T = 6, stride = 2          . read      # read and scored
    ######
      ....##
        ....##
         .....#               the last one is full as well

So a token sees all that comes before it, or at least T - stride tokens of it. With stride T
there is no overlap and one pass over the text; with stride 1 each token after the first T
costs a whole window. A text of at most T tokens is one window, whatever the stride.

Here a window is of inputs: input i is there to predict token i + 1.
"""

from __future__ import annotations

from typing import NamedTuple

from minilm.errors import MinilmError

__all__ = ["Window", "windows"]


class Window(NamedTuple):
    """Inputs `start` to `end`, of which those from `first` on are scored."""

    start: int
    first: int
    end: int


def windows(n_inputs: int, block_size: int, stride: int, first: int = 0) -> list[Window]:
    """Windows that score each of the inputs first .. n_inputs - 1 once, in order.

    Parameters
    ----------
    n_inputs : int
    block_size : int
        T, the longest window.
    stride : int
        From 1 to T.
    first : int
        The inputs before it are read only, as a question is of which the answer is scored.

    Raises
    ------
    MinilmError
        If the stride is out of range.

    Examples
    --------
    >>> [tuple(window) for window in windows(11, block_size=6, stride=2)]
    [(0, 0, 6), (2, 6, 8), (4, 8, 10), (5, 10, 11)]
    >>> [tuple(window) for window in windows(9, block_size=6, stride=2, first=7)]
    [(3, 7, 9)]
    """
    if not 1 <= stride <= block_size:
        raise MinilmError(
            f"the stride is {stride}; choose a number from 1 to the model's block_size, "
            f"{block_size}"
        )
    found = []
    while first < n_inputs:
        end = min(n_inputs, max(block_size, first + stride))
        found.append(Window(max(0, end - block_size), first, end))
        first = end
    return found
