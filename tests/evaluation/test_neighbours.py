"""k nearest neighbours: votes, cosines, ties."""

import numpy as np

from minilm.evaluation.neighbours import predict


def _by_hand(x, labels, query, k) -> int:
    cosines = [float(v @ query) / np.linalg.norm(v) / np.linalg.norm(query) for v in x]
    near = sorted(range(len(x)), key=lambda i: -cosines[i])[:k]
    score = {c: [0, 0.0] for c in sorted(set(labels))}
    for i in near:
        score[labels[i]][0] += 1
        score[labels[i]][1] += cosines[i]
    return max(score, key=lambda c: tuple(score[c]))


def test_by_hand() -> None:
    rng = np.random.default_rng(0)
    x, labels, queries = rng.normal(size=(40, 5)), rng.integers(0, 4, 40), rng.normal(size=(60, 5))
    for k in (1, 2, 5, 10):
        expected = [_by_hand(x, labels, query, k) for query in queries]
        assert predict(x, labels, queries, 4, k=k).tolist() == expected


def test_lengths_do_not_matter_and_more_neighbours_than_there_are_is_all() -> None:
    rng = np.random.default_rng(1)
    x, labels, queries = rng.normal(size=(7, 3)), rng.integers(0, 2, 7), rng.normal(size=(9, 3))
    scaled = x * rng.uniform(0.1, 10, (7, 1))
    expected = predict(x, labels, queries, 2, k=3)
    assert predict(scaled, labels, 100 * queries, 2, k=3).tolist() == expected.tolist()
    assert set(predict(x, np.array([0, 0, 0, 0, 1, 1, 1]), queries, 2, k=100)) == {0}


def test_among_equal_votes_the_nearer_win_and_votes_go_before_nearness() -> None:
    query = np.array([[1.0, 0.0]])
    x = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0], [0.1, 1.0]])
    assert predict(x[:4], np.array([1, 0, 0, 1]), query, 2, k=4).tolist() == [0]
    assert predict(x[[0, 3, 4]], np.array([1, 0, 0]), query, 2, k=3).tolist() == [0]
    assert predict(np.zeros((2, 2)), np.array([1, 0]), query, 2, k=2).tolist() == [0]
