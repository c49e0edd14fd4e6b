"""Union-find against walking through the graph, whatever the order of the pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.kernels import union_find as kernel
from minilm.reference import union_find as reference

TWINS = pytest.mark.parametrize("twin", [reference, kernel], ids=["reference", "kernels"])
N = 12
pairs = st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=20)


def walked(edges: list[tuple[int, int]]) -> list[int]:
    """The least member of each one's group, by spreading until nothing changes."""
    least = list(range(N))
    for _ in range(N):
        for a, b in edges:
            least[a] = least[b] = min(least[a], least[b])
    return least


@TWINS
@given(pairs)
def test_groups(twin, edges: list[tuple[int, int]]) -> None:
    parents = np.arange(N)
    sides = np.array(edges, np.int64).reshape(-1, 2)
    twin.join(parents, sides[:, 0], sides[:, 1])
    twin.flatten(parents)
    assert parents.tolist() == walked(edges)


@TWINS
def test_equal_keys_are_joined_and_others_are_not(twin) -> None:
    parents = np.arange(6)
    keys = np.array([1, 1, 1, 2, 3, 3], np.uint64)
    twin.join_equal(parents, keys, np.array([5, 2, 4, 0, 3, 1]))
    twin.flatten(parents)
    assert parents.tolist() == [0, 1, 2, 1, 2, 2]
    twin.join_equal(parents, keys[:0], np.array([], np.int64))
