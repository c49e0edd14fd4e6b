"""Labelled batches: epochs, padding, parts, metrics by hand, a body that rests."""

import math

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.models.bert_config import BERTConfig
from minilm.models.classifier import Classifier, ClassifierConfig, headless
from minilm.objectives.classification import Classification, Labelled, padded, probabilities

BODY = BERTConfig(vocab_size=9, block_size=8, n_layer=1, n_head=2, n_embd=8)
N = 10
SEQUENCES = [np.random.default_rng(i).integers(0, 9, 1 + i % 8) for i in range(N)]
TEXTS = Labelled(SEQUENCES, np.arange(N) % 3)


def _task(**options: object) -> Classification:
    settings = {"n_class": 3, "batch_size": 4, "seed": 1} | options
    return Classification(TEXTS, TEXTS, **settings)


def _model(dropout: float = 0.0) -> Classifier:
    return Classifier(ClassifierConfig(headless(BODY), 3, "mean", dropout), dtype=np.float64)


def test_each_epoch_has_every_text_once() -> None:
    task = _task(batch_size=5)
    for first in (0, 2, 4):
        batches = [task.batch(first), task.batch(first + 1)]
        rows = [r[m].tolist() for b in batches for r, m in zip(b.tokens, b.mask, strict=True)]
        assert sorted(rows) == sorted(s.tolist() for s in SEQUENCES)
    assert (task.batch(0).labels != task.batch(2).labels).any()


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    one, other = _task(), _task()
    other.batch(0)
    np.testing.assert_array_equal(one.batch(2).tokens, other.batch(2).tokens)
    assert one.batch(2).key == other.batch(2).key != one.batch(3).key
    # Step 2 is in two epochs: texts 8 and 9 of the first, 0 and 1 of the second.
    assert one.batch(2).n_targets == 4


def test_labels_belong_to_their_texts() -> None:
    for step in range(6):
        batch = _task().batch(step)
        for row, mask, label in zip(batch.tokens, batch.mask, batch.labels, strict=True):
            same = [i for i in range(N) if SEQUENCES[i].tolist() == row[mask].tolist()]
            assert label in [TEXTS.labels[i] for i in same]
        assert batch.n_tokens == batch.mask.sum()


@pytest.mark.parametrize("n", [1, 2, 4])
def test_parts_add_up_to_the_whole_batch(n: int) -> None:
    task, model = _task(), _model()
    batch = task.batch(0)
    whole = task.loss_and_gradients(model, batch, batch.n_targets)
    expected = model.parameters.gradients.copy()
    model.parameters.zero_gradients()
    parts = [task.loss_and_gradients(model, part, batch.n_targets) for part in batch.split(n)]
    assert sum(parts) == pytest.approx(whole, rel=1e-12)
    np.testing.assert_allclose(model.parameters.gradients, expected, rtol=1e-9, atol=1e-15)


def test_metrics_are_those_of_the_probabilities() -> None:
    model, task = _model(0.5), _task()
    model.parameters["classifier.weight"].value[...] *= 40
    p = np.stack([probabilities(model, [ids])[0] for ids in SEQUENCES])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    found = task.evaluate(model)
    own = p[np.arange(N), TEXTS.labels]
    assert found["val_loss"] == pytest.approx(-sum(map(math.log, own)) / N)
    assert found["val_accuracy"] == pytest.approx(np.mean(p.argmax(axis=1) == TEXTS.labels))
    assert 0 < found["val_f1"] <= 1


def test_below_a_head_that_learns_alone_there_is_no_gradient() -> None:
    model = _model()
    batch = _task().batch(0)
    _task(whole=False).loss_and_gradients(model, batch, 4)
    touched = {p.name for p in model.parameters if p.grad.any()}
    assert touched == {"classifier.weight", "classifier.bias"}


def test_texts_without_tokens_are_refused() -> None:
    with pytest.raises(MinilmError, match="without tokens"):
        Labelled([np.array([], int)], np.array([0]))
    tokens, mask = padded([np.array([1]), np.array([2, 3, 4])])
    assert tokens.shape == mask.shape == (2, 3)
