"""Near-duplicates: found as often as the formula says, planted ones found, others left alone."""

from __future__ import annotations

import numpy as np
import pytest

from minilm.backend import using
from minilm.corpus.deduplication import (
    MinHashConfig,
    bands,
    clusters,
    longest,
    near,
    near_duplicates,
    signatures,
)
from minilm.corpus.documents import Document
from minilm.errors import MinilmError


class Writer:
    """Texts of words that are never the same by chance, and copies with changes."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def words(self, n: int) -> list[str]:
        letters = self.generator.integers(97, 123, (n, 9), np.uint8)
        return [bytes(word).decode() for word in letters]

    def pair(self, n_shingles: int, n_changed: int, n: int) -> tuple[str, str]:
        """Two texts of so many shingles, with `n_changed` that are in one only.

        A word that differs changes n shingles, so that many words apart each change n.
        """
        one = self.words(n_shingles + n - 1)
        other = list(one)
        for i in range(n_changed // n):
            other[n - 1 + 2 * n * i] = self.words(1)[0]
        return " ".join(one), " ".join(other)


@pytest.mark.parametrize("n_changed", [10, 25, 40])
def test_collisions_are_as_frequent_as_the_formula_says(n_changed: int) -> None:
    n_pairs, n_shingles = 600, 120
    config, writer = MinHashConfig(), Writer(n_changed)
    texts = [t for _ in range(n_pairs) for t in writer.pair(n_shingles, n_changed, 5)]
    similarity = (n_shingles - n_changed) / (n_shingles + n_changed)
    signed = signatures(texts, config)
    assert abs((signed[::2] == signed[1::2]).mean() - similarity) < 0.01
    keys = bands(signed, config)
    rate = (keys[::2] == keys[1::2]).any(axis=1).mean()
    expected = config.probability(similarity)
    deviation = (expected * (1 - expected) / n_pairs) ** 0.5
    assert abs(rate - expected) < 4 * deviation + 0.004
    assert not (keys[:-1:2] == keys[np.r_[3 : len(keys) : 2, 1]]).any()  # other pairs


@pytest.mark.parametrize("config", [MinHashConfig(), MinHashConfig(3, 20, 5, seed=9)])
def test_both_twins_and_any_batches_agree(config: MinHashConfig, monkeypatch) -> None:
    texts = [" ".join(Writer(n).words(n)) for n in (0, 1, 4, 5, 9, 60)]
    found = signatures(texts, config)
    assert found.shape == (6, config.bands * config.rows)
    with using("reference"):
        np.testing.assert_array_equal(signatures(texts, config), found)
    monkeypatch.setattr("minilm.corpus.deduplication.normal._BATCH", 30)
    np.testing.assert_array_equal(signatures(texts, config), found)
    assert signatures([], config).shape == (0, config.bands * config.rows)
    assert bands(signatures([], config), config).shape == (0, config.bands)


def test_a_seed_draws_other_orders() -> None:
    texts = [" ".join(Writer(0).words(50))]
    one, other = (signatures(texts, MinHashConfig(seed=seed)) for seed in (0, 1))
    assert not (one == other).any()


def test_orders_lose_no_shingle() -> None:
    """x -> a x + b mod 2^64 is one to one if a is odd."""
    a, b = near._orders(MinHashConfig())
    assert (a & np.uint64(1)).all()
    assert len(set(a.tolist())) == len(set(b.tolist())) == 112


def test_planted_copies_are_found(tmp_path) -> None:
    """Recall as the formula predicts, and nothing else is found."""
    writer, config = Writer(1), MinHashConfig()
    originals = [writer.pair(200, 20, 5) for _ in range(150)]
    others = [" ".join(writer.words(200)) for _ in range(300)]
    texts = [one for one, _ in originals] + others + [copy for _, copy in originals]
    keys = bands(signatures(texts, config), config)
    numbers = np.arange(len(texts))
    parts = [(keys[i::3], numbers[i::3]) for i in range(3)]
    found = np.array(clusters(parts, len(texts), tmp_path, n_bytes=5000))
    assert (found[:450] == numbers[:450]).all()
    recall = (found[450:] == numbers[:150]).mean()
    expected = config.probability(180 / 220)
    assert recall > expected - 3 * (expected * (1 - expected) / 150) ** 0.5
    assert set(found[450:][found[450:] != numbers[:150]]) <= set(numbers[450:])
    kept = longest(found, np.array([len(text) for text in texts]))
    assert (found[kept] == found).all()


def test_the_longest_is_kept_and_the_others_name_it() -> None:
    one = " ".join(Writer(2).words(100))
    texts = {
        "a": one,
        "b": "Something else altogether.",
        "c": one.upper() + "! And some words more.",
        "d": one.replace(" ", ", "),
        "e": "...",
        "f": "---",
        "g": "something ELSE, altogether",
    }
    documents = [Document(name, text, "here") for name, text in texts.items()]
    rejected = []
    kept = list(near_duplicates(iter(documents), rejected=rejected.append))
    # Of equal words the longer text; without words nothing is alike.
    assert [document.id for document in kept] == ["b", "d", "e", "f"]
    assert [(r.document.id, r.limit) for r in rejected] == [
        ("a", "near-duplicate of d"),
        ("c", "near-duplicate of d"),
        ("g", "near-duplicate of b"),
    ]
    assert {r.rule for r in rejected} == {"near_duplicate"}
    assert rejected[0].figure == rejected[2].figure == 1
    assert 0.85 < rejected[1].figure < 1
    assert list(near_duplicates([])) == []


def test_a_chain_is_one_cluster() -> None:
    """The first and the last share little; each is a near-duplicate of its neighbour."""
    words = Writer(3).words(400)
    documents = [
        Document(str(i), " ".join(words[10 * i : 10 * i + 200]), "here") for i in range(20)
    ]
    rejected = []
    kept = list(near_duplicates(documents, rejected=rejected.append))
    assert len(kept) < 4
    assert min(r.figure for r in rejected) < 0.6


@pytest.mark.parametrize(
    "settings", [{"shingle": 0}, {"bands": -1}, {"rows": 2000}, {"rows": 1.5}, {"seed": -1}]
)
def test_mistakes(settings: dict) -> None:
    (name,) = settings
    with pytest.raises(MinilmError, match=f"{name} = .* of near-duplicates: must be a whole"):
        MinHashConfig(**settings)
    assert MinHashConfig(seed=2**70).seed == 2**70


def test_no_texts_have_no_signatures_and_no_bands() -> None:
    config = MinHashConfig(bands=3, rows=2)
    assert signatures([], config).shape == (0, 6)
    assert bands(signatures([], config), config).shape == (0, 3)
    assert list(near_duplicates([], config)) == []
