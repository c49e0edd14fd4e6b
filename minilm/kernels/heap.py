"""A binary heap of pairs of numbers in two arrays, the least on top: for kernels only.

Pairs compare by their first number, then by their second. The caller keeps the length.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

from minilm.kernels.jit import helper

__all__ = ["pop", "push", "sink"]


@helper()
def _less(a, b, c, d):
    return a < c or (a == c and b < d)


@helper()
def push(firsts, seconds, length, first, second):
    """Add a pair to a heap of `length`, which the arrays must have room for."""
    hole = length
    while hole > 0:
        parent = (hole - 1) >> 1
        if not _less(first, second, firsts[parent], seconds[parent]):
            break
        firsts[hole], seconds[hole] = firsts[parent], seconds[parent]
        hole = parent
    firsts[hole], seconds[hole] = first, second


@helper()
def sink(firsts, seconds, length, first, second):
    """Put a pair in the place of the top."""
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= length:
            break
        other = child + 1
        if other < length and _less(firsts[other], seconds[other], firsts[child], seconds[child]):
            child = other
        if not _less(firsts[child], seconds[child], first, second):
            break
        firsts[hole], seconds[hole] = firsts[child], seconds[child]
        hole = child
    firsts[hole], seconds[hole] = first, second


@helper()
def pop(firsts, seconds, length):
    """Take the top off a heap of `length`, which is one shorter then."""
    sink(firsts, seconds, length - 1, firsts[length - 1], seconds[length - 1])
