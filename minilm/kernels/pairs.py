"""A number more precise than the loop that subtracts it: a float64 as the sum of two parts.

Some numbers stand for a whole row, such as its mean or its log-sum-exp, and are kept in
float64: rounded to float32 they would shift everything computed from them. A float64 in a
float32 loop would widen all its arithmetic and halve its lanes. So the loop gets

    x = high + low,    high = x rounded to the dtype of the loop, low = what that lost
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from minilm.kernels.exponential import like
from minilm.kernels.jit import helper

__all__ = ["less", "split"]


@helper()
def split(x, like_y):
    """The parts (high, low) of the float64 x, both in the type of `like_y`."""
    high = like(like_y, x)
    return high, like(like_y, x - high)


@helper(exact=True)
def less(y, high, low):
    """y - (high + low). In this order: the sum would be rounded to `high` again."""
    return (y - high) - low
