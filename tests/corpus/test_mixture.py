"""The mixture: what is asked is delivered, to within a document."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from minilm.corpus.mixture import Share, copies, wanted
from minilm.errors import MinilmError

SIZES = st.lists(st.integers(1, 1000), min_size=1, max_size=30)


@given(SIZES, st.integers(0, 20_000), st.integers(0, 2**32))
def test_copies_deliver_the_target(sizes: list[int], target: int, seed: int) -> None:
    n_bytes = np.array(sizes)
    keys = np.random.Generator(np.random.Philox(seed)).integers(0, 2**64, len(sizes), np.uint64)
    found = copies(n_bytes, keys, target)
    delivered = int((found * n_bytes).sum())
    assert target - max(sizes) < delivered <= target
    assert found.max() - found.min() <= 1
    assert found.min() == target // sum(sizes)
    taken_again = np.argsort(keys)[np.sort(found)[::-1] > found.min()]
    assert (found[taken_again] > found.min()).all()  # those with the smallest keys


@given(SIZES, st.integers(0, 5000), st.integers(0, 5000))
def test_a_larger_part_contains_a_smaller(sizes: list[int], one: int, other: int) -> None:
    keys = np.arange(len(sizes), dtype=np.uint64)[::-1].copy()
    small, large = (copies(np.array(sizes), keys, t) for t in sorted((one, other)))
    assert (small <= large).all()


def test_no_document_is_taken_of_nothing() -> None:
    assert copies(np.empty(0, int), np.empty(0, np.uint64), 100).tolist() == []
    assert copies(np.array([5, 5]), np.array([2, 1], np.uint64), 0).tolist() == [0, 0]


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 100),
            st.floats(0.1, 10),
            st.one_of(st.none(), st.integers(1000, 10**7)),
            st.integers(1000, 10**7),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_weights_are_met_and_no_limit_is_broken(rows: list) -> None:
    shares = [Share(str(i), w, e, m) for i, (w, e, m, _) in enumerate(rows)]
    sizes = [size for *_, size in rows]
    found = wanted(shares, sizes)
    total = sum(weight for weight, *_ in rows)
    most = [min(e * size, m or np.inf) for _, e, m, size in rows]
    for (weight, *_), delivered, limit in zip(rows, found, most, strict=True):
        assert delivered <= limit + 1e-3
        assert delivered / max(1, sum(found)) == pytest.approx(weight / total, abs=0.02)
    # As large as the scarcest source allows.
    assert any(d >= limit - 2 for d, limit in zip(found, most, strict=True))


def test_sources_without_weights_do_not_limit_each_other() -> None:
    shares = [Share("a", epochs=0.5), Share("b", epochs=3, max_bytes=250), Share("c")]
    assert wanted(shares, [100, 100, 0]) == [50, 250, 0]


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([Share("a", weight=1), Share("b")], "source 'b' has no weight and others have one"),
        ([Share("a", weight=1), Share("b", weight=1)], "but no text of it is left"),
    ],
)
def test_impossible_mixtures_are_refused(shares: list[Share], message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        wanted(shares, [10, 0])


@pytest.mark.parametrize(
    "fields", [{"weight": 0.0}, {"weight": float("inf")}, {"epochs": 0.0}, {"max_bytes": 0}]
)
def test_shares_out_of_range_are_refused(fields: dict) -> None:
    with pytest.raises(MinilmError, match=r"source 'a': .* must be"):
        Share("a", **fields)
