"""The split by cluster: relatives stay together, and neither side is empty."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given

from minilm.corpus.split_clusters import held_out
from minilm.errors import MinilmError

PAIRS = st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 5)), min_size=2, max_size=40)


@given(PAIRS, st.floats(0.01, 0.99), st.integers(0, 100))
def test_relatives_stay_together(pairs: list, fraction: float, seed: int) -> None:
    digests = np.array([d for d, _ in pairs], np.uint64)
    clusters = np.array([c for _, c in pairs])
    smallest = {c: min(d for d, k in pairs if k == c) for _, c in pairs}
    assume(len(set(smallest.values())) > 1)
    sides = held_out(digests, clusters, fraction, seed)
    assert sides.any()
    assert not sides.all()
    for cluster in smallest:
        assert len(set(sides[clusters == cluster].tolist())) == 1


def test_equal_texts_stay_together_whatever_their_numbers() -> None:
    digests = np.repeat(np.arange(1000, dtype=np.uint64), 2)
    sides = held_out(digests, np.arange(2000), 0.3)
    assert (sides[::2] == sides[1::2]).all()
    assert 240 < sides[::2].sum() < 360


def test_a_document_stays_on_its_side_when_others_come_or_go() -> None:
    digests = np.arange(500, dtype=np.uint64) * np.uint64(7919)
    sides = held_out(digests, np.arange(500), 0.2, seed=3)
    fewer = held_out(digests[::3], np.arange(len(digests[::3])), 0.2, seed=3)
    assert (sides[::3] == fewer).all()
    assert (held_out(digests, np.arange(500), 0.2, seed=4) != sides).any()
    # Nor does the order of the documents matter.
    assert (held_out(digests[::-1], np.arange(500), 0.2, seed=3) == sides[::-1]).all()


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_fractions_that_leave_a_side_empty_are_refused(fraction: float) -> None:
    with pytest.raises(MinilmError, match="validation fraction"):
        held_out(np.array([1, 2], np.uint64), np.array([0, 1]), fraction)


def test_one_cluster_cannot_be_split() -> None:
    with pytest.raises(MinilmError, match="no two documents that differ"):
        held_out(np.array([1, 2], np.uint64), np.array([0, 0]), 0.5)
