r"""Union-find: which things are joined, directly or through others.

Each thing points to one of its group, up to a root that points to itself. Joining two things
points the larger root to the smaller, so a group's root is its least member, in whatever
order the pairs come. On the way to a root each thing is pointed two steps further up, which
keeps ways short.

Source: Galler and Fisher 1964, "An improved equivalence algorithm"; Tarjan and van Leeuwen
1984, "Worst-case analysis of set union algorithms", for the halving of ways.
"""

from __future__ import annotations

from numpy.typing import NDArray

__all__ = ["flatten", "join", "join_equal"]


def join(parents: NDArray, left: NDArray, right: NDArray) -> None:
    """Join left[i] with right[i] for each i; `parents` is changed.

    Parameters
    ----------
    parents : (n,) int64
        At first ``np.arange(n)``: each thing is alone.
    left, right : (p,) int64

    Examples
    --------
    >>> import numpy as np
    >>> parents = np.arange(5)
    >>> join(parents, np.array([4, 3]), np.array([1, 4]))
    >>> flatten(parents)
    >>> parents.tolist()
    [0, 1, 2, 1, 1]
    """
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        a, b = _root(parents, one), _root(parents, other)
        parents[max(a, b)] = min(a, b)


def join_equal(parents: NDArray, keys: NDArray, members: NDArray) -> None:
    """Join members[i] with members[i + 1] wherever their keys are equal.

    Parameters
    ----------
    parents : (n,) int64
    keys : (p,) uint64
        Sorted.
    members : (p,) int64
    """
    same = keys[1:] == keys[:-1]
    join(parents, members[:-1][same], members[1:][same])


def flatten(parents: NDArray) -> None:
    """Point everything to its root, the least of its group."""
    for i in range(parents.size):
        parents[i] = _root(parents, i)


def _root(parents: NDArray, i: int) -> int:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = int(parents[i])
    return i
