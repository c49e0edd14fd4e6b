"""Keys of documents: spread evenly, and the same everywhere."""

import numpy as np

from minilm.corpus.keys import scramble, uniform


def test_keys_are_what_they_were() -> None:
    # Another order of documents would be another corpus.
    keys = scramble(np.array([0, 1, 2**64 - 1], np.uint64), 7, "order", np.array([0, 1, 2]))
    assert keys.tolist() == [5217300273980770318, 966089850206925702, 5741110806426119325]


def test_keys_depend_on_seed_purpose_and_copy() -> None:
    digests = np.arange(100, dtype=np.uint64)
    keys = scramble(digests, 0, "order")
    for other in (
        scramble(digests, 1, "order"),
        scramble(digests, 0, "mixture"),
        scramble(digests, 0, "order", 1),
    ):
        assert len(np.intersect1d(keys, other)) == 0


def test_neighbours_are_spread_evenly() -> None:
    numbers = uniform(scramble(np.arange(20_000, dtype=np.uint64), 0, "order"))
    counts = np.histogram(numbers, 20, (0, 1))[0]
    # Twenty binomial counts of 1000, with a standard deviation of 31.
    assert np.abs(counts - 1000).max() < 140
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03
    assert 0 <= numbers.min() < numbers.max() < 1
