"""Vectors of sequences: means by hand, padding that does not show, neighbours."""

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.evaluation.embeddings import nearest, sentence_vectors
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT

SIZES = {"vocab_size": 13, "block_size": 8, "n_layer": 2, "n_head": 2, "n_embd": 12}
MODELS = {
    "bert": (BERT, BERTConfig(**SIZES)),
    "roberta": (BERT, BERTConfig(**SIZES, padding_id=1)),
    "without types": (BERT, BERTConfig(**SIZES, n_token_type=0, masked_head=False)),
    "gpt": (GPT, GPTConfig(**SIZES)),
}
LENGTHS = (5, 1, 8, 3, 3, 8, 2)


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest):
    kind, config = MODELS[request.param]
    made = kind(config, dtype=np.float64, seed=1)
    made.parameters.values += np.random.default_rng(2).normal(0, 0.3, made.parameters.values.shape)
    return made


def _sequences() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(2, 13, n) for n in LENGTHS]


def _one_by_one(model, sequences) -> np.ndarray:
    return np.stack([model.features(ids[None])[0][0].mean(axis=0) for ids in sequences])


@pytest.mark.parametrize("batch_size", [1, 2, 3, 32])
def test_each_is_the_mean_of_its_own_features(model, batch_size: int) -> None:
    expected = _one_by_one(model, _sequences())
    plain = sentence_vectors(model, _sequences(), batch_size=batch_size, normalize=False)
    np.testing.assert_allclose(plain, expected, rtol=1e-11, atol=1e-12)
    vectors = sentence_vectors(model, _sequences(), batch_size=batch_size)
    expected /= np.sqrt((expected**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(vectors, expected, rtol=1e-11, atol=1e-12)
    assert vectors.dtype == np.float64


def test_nothing_and_empty(model) -> None:
    assert sentence_vectors(model, []).shape == (0, 12)
    vectors = sentence_vectors(model, [np.array([], int), np.array([4]), np.array([], int)])
    np.testing.assert_array_equal(vectors[[0, 2]], 0)
    assert np.linalg.norm(vectors[1]) == pytest.approx(1)


def test_what_does_not_fit(model) -> None:
    with pytest.raises(MinilmError, match="9 positions do not fit"):
        sentence_vectors(model, [np.array([2]), np.full(9, 2)])
    with pytest.raises(MinilmError, match=r"do not fit model\.vocab_size"):
        sentence_vectors(model, [np.array([13])])


def test_nearest() -> None:
    rng = np.random.default_rng(4)
    vectors, queries = rng.normal(size=(20, 5)), rng.normal(size=(3, 5))
    indices, scores = nearest(vectors, queries, 4)
    for query, row, score in zip(queries, indices, scores, strict=True):
        by_hand = sorted(range(20), key=lambda i, q=query: -float(vectors[i] @ q))[:4]
        assert row.tolist() == by_hand
        np.testing.assert_allclose(score, [vectors[i] @ query for i in by_hand], rtol=1e-12)


def test_nearest_ties_and_limits() -> None:
    vectors = np.array([[1.0, 0], [0, 1], [1, 0], [1, 0]])
    indices, scores = nearest(vectors, np.array([[1.0, 0]]), 10)
    assert indices.tolist() == [[0, 2, 3, 1]]
    assert scores.tolist() == [[1, 1, 1, 0]]
    assert nearest(vectors, np.zeros((0, 2)), 2)[0].shape == (0, 2)
    assert nearest(vectors, vectors[:2], 1)[0].tolist() == [[0], [1]]
    with pytest.raises(MinilmError, match="k is 0"):
        nearest(vectors, vectors, 0)
