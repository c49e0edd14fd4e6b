"""Classifiers: gradients in float64 for both wirings, pooling by hand, names, refusals."""

import numpy as np
import pytest

from minilm.backend import TWINS, using
from minilm.errors import MinilmError
from minilm.gradient_check import directional_check
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig
from minilm.models.classifier import Classifier, ClassifierConfig, Pooling, headless
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.objectives.token_loss import loss_and_gradient

SIZES = {"vocab_size": 11, "block_size": 6, "n_layer": 2, "n_head": 2, "n_embd": 12}
GPT_BODY = GPTConfig(**SIZES, position="rope")
BERT_BODY = BERTConfig(**SIZES, pooler=True)
CASES = [
    (GPT_BODY, "mean", 0.0),
    (GPT_BODY, "last", 0.3),
    (GPTConfig(**SIZES, tied_head=False), "mean", 0.0),
    (BERT_BODY, "mean", 0.3),
    (BERT_BODY, "first", 0.0),
    (BERT_BODY, "last", 0.0),
]
TOKENS = np.random.default_rng(3).integers(0, 11, (4, 5))
MASK = np.arange(5) < np.array([5, 3, 1, 4])[:, None]
LABELS = np.array([2, 0, 1, 2])


def _model(body: GPTConfig | BERTConfig, pooling: str, dropout: float) -> Classifier:
    config = ClassifierConfig(headless(body), 3, pooling, dropout)
    model = Classifier(config, dtype=np.float64, seed=5)
    values = model.parameters.values
    values += np.random.default_rng(1).normal(0, 0.2, values.shape)
    return model


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(("body", "pooling", "dropout"), CASES)
def test_gradient_along_random_directions(body, pooling: str, dropout: float, twin: str) -> None:
    model = _model(body, pooling, dropout)
    parameters = model.parameters

    def loss(backward: bool = False) -> float:
        x, saved = model.features(TOKENS, key=4, key_mask=MASK)
        found, dx = loss_and_gradient(model.head, x, LABELS, vocab_size=3, normalizer=4)
        if backward:
            model.features_backward(dx, saved)
        return found

    with using(twin):
        loss(backward=True)
        gradient = parameters.gradients.copy()
        parts = {p.name: parameters.span(p.name) for p in parameters}
        report = directional_check(loss, parameters.values, gradient, seed=1, step=2.0**-16)
    assert report.worst <= 1e-7, str(report)
    idle = {name for name, at in parts.items() if not gradient[at].any()}
    assert idle == set()


@pytest.mark.parametrize(("body", "pooling", "dropout"), CASES)
def test_padding_changes_nothing(body, pooling: str, dropout: float) -> None:
    model = _model(body, pooling, 0.0)
    together, _ = model.forward(TOKENS, key_mask=MASK)
    for row, n in enumerate(MASK.sum(axis=1)):
        alone, _ = model.forward(TOKENS[row : row + 1, :n])
        np.testing.assert_allclose(together[row], alone[0], rtol=1e-9, atol=1e-12)


def test_pooling_by_hand() -> None:
    x = np.arange(12.0).reshape(2, 3, 2)
    mask = np.array([[True, True, False], [True, False, False]])
    expected = {"mean": [[1, 2], [6, 7]], "first": [[0, 1], [6, 7]], "last": [[2, 3], [6, 7]]}
    for kind, values in expected.items():
        y, weights = Pooling(kind).forward(x, mask)
        assert y.tolist() == values
        dx = Pooling(kind).backward(np.ones((2, 2)), weights)
        np.testing.assert_allclose(dx.sum(axis=(1, 2)), [2, 2])
        assert not dx[~mask].any()
    y, _ = Pooling("mean").forward(x, np.zeros((2, 3), bool))
    assert not y.any()


@pytest.mark.parametrize(("kind", "body"), [(GPT, GPT_BODY), (BERT, BERT_BODY)])
def test_a_pretrained_body_fits_by_name(kind, body) -> None:
    pretrained = {p.name: p.shape for p in kind(body).parameters}
    own = {p.name: p.shape for p in Classifier(ClassifierConfig(headless(body), 3)).parameters}
    assert own.pop("classifier.weight") == (12, 3)
    assert own.pop("classifier.bias") == (3,)
    assert own.items() <= pretrained.items()
    missing = {name.split(".")[0] for name in pretrained.keys() - own.keys()}
    assert missing <= {"head", "pooler"}


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(MinilmError, match="first position of a decoder"):
        ClassifierConfig(GPT_BODY, 3, "first")
    with pytest.raises(MinilmError, match="did you mean 'mean'"):
        ClassifierConfig(GPT_BODY, 3, "meen")
    with pytest.raises(MinilmError, match="1 classes"):
        ClassifierConfig(GPT_BODY, 1)
    with pytest.raises(MinilmError, match="dropout"):
        ClassifierConfig(GPT_BODY, 3, dropout=1.0)
