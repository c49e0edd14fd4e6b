"""Clusters on disk equal those in memory, for any parts, order and number of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minilm.corpus.deduplication import clusters, keep_longest, longest
from minilm.reference.minhash import NONE


def by_hand(keys: np.ndarray) -> list[int]:
    """Spread the least number over shared keys until nothing changes."""
    least = list(range(len(keys)))
    while True:
        before = list(least)
        of_key: dict[int, int] = {}
        for i, row in enumerate(keys.tolist()):
            for key in row:
                if key != NONE:
                    of_key[key] = min(of_key.get(key, i), least[i])
        for i, row in enumerate(keys.tolist()):
            least[i] = min([least[i], *(of_key[key] for key in row if key != NONE)])
        if least == before:
            return least


def some_keys(n: int, n_different: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 2**64, n_different, np.uint64)
    keys = values[generator.integers(0, n_different, (n, 3))]
    keys[generator.random(n) < 0.2] = NONE
    return keys


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_bytes", [1 << 26, 3000, 10])
def test_equal_to_spreading_by_hand(tmp_path: Path, seed: int, n_bytes: int) -> None:
    keys = some_keys(200, 500, seed)
    order = np.random.default_rng(seed).permutation(200)
    parts = [(keys[some], some) for some in np.split(order, [0, 17, 90])]
    found = clusters(iter(parts), 200, tmp_path / "work", n_bytes)
    assert found.tolist() == by_hand(keys)
    # It is a file, and the only one.
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["clusters.npy"]
    np.testing.assert_array_equal(np.load(tmp_path / "work" / "clusters.npy"), found)


def test_more_rows_than_are_dealt_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minilm.corpus.deduplication.clustering._AT_ONCE", 7)
    keys = some_keys(50, 120, 0)
    np.save(tmp_path / "keys.npy", keys)
    mapped = np.load(tmp_path / "keys.npy", mmap_mode="r")
    assert clusters([(mapped, np.arange(50))], 50, tmp_path).tolist() == by_hand(keys)


def test_documents_without_keys_stay_alone(tmp_path: Path) -> None:
    keys = np.full((3, 2), NONE, np.uint64)
    assert clusters([(keys, np.arange(3))], 4, tmp_path).tolist() == [0, 1, 2, 3]
    assert clusters([], 2, tmp_path).tolist() == [0, 1]
    assert clusters([(np.empty((0, 14), np.uint64), np.arange(0))], 1, tmp_path).tolist() == [0]


def test_a_run_that_was_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    def parts():
        yield some_keys(9, 9, 0), np.arange(9)
        raise RuntimeError("stopped")

    (tmp_path / "pairs-000.bin").write_bytes(b"of a run that was killed")
    with pytest.raises(RuntimeError, match="stopped"):
        clusters(parts(), 9, tmp_path)
    assert not list(tmp_path.glob("pairs-*"))
    keys = some_keys(9, 9, 0)
    assert clusters([(keys, np.arange(9))], 9, tmp_path).tolist() == by_hand(keys)


def test_the_longest_of_each_cluster() -> None:
    of = np.array([0, 1, 0, 3, 1, 0, 3])
    lengths = np.array([4, 2, 9, 5, 3, 9, 5])
    assert longest(of, lengths).tolist() == [2, 4, 2, 3, 4, 2, 3]
    assert keep_longest(of, lengths).tolist() == [False, False, True, True, True, False, False]
    empty = np.empty(0, np.int64)
    assert longest(empty, empty).tolist() == keep_longest(empty, empty).tolist() == []
