"""Compiled twin of `minilm.reference.union_find`."""

# mypy: allow-untyped-defs
from __future__ import annotations

from numpy.typing import NDArray

from minilm.kernels.bpe_table import constant
from minilm.kernels.jit import helper, kernel

__all__ = ["flatten", "join", "join_equal"]


def join(parents: NDArray, left: NDArray, right: NDArray) -> None:
    """Join left[i] with right[i] (p,) for each i; `parents` (n,) is changed."""
    _join(parents, constant(left), constant(right))


def join_equal(parents: NDArray, keys: NDArray, members: NDArray) -> None:
    """Join members[i] with members[i + 1] (p,) wherever their sorted keys are equal."""
    _join_equal(parents, constant(keys), constant(members))


def flatten(parents: NDArray) -> None:
    """Point everything to its root, the least of its group."""
    _flatten(parents)


@helper()
def _root(parents, i):
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@helper()
def _join_two(parents, one, other):
    a, b = _root(parents, one), _root(parents, other)
    parents[max(a, b)] = min(a, b)


@kernel(always=True)
def _join(parents, left, right):
    for i in range(left.size):
        _join_two(parents, left[i], right[i])


@kernel(always=True)
def _join_equal(parents, keys, members):
    for i in range(1, keys.size):
        if keys[i] == keys[i - 1]:
            _join_two(parents, members[i - 1], members[i])


@kernel(always=True)
def _flatten(parents):
    for i in range(parents.size):
        parents[i] = _root(parents, i)
