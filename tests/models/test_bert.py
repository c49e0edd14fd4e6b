"""BERT: gradients by random directions, heads, masks and positions, on both twins."""

from dataclasses import replace

import numpy as np
import pytest

from minilm.backend import TWINS, using
from minilm.errors import MinilmError
from minilm.gradient_check import directional_check
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig

PLAIN = BERTConfig(vocab_size=11, block_size=6, n_layer=2, n_head=2, n_embd=12, pooler=True)
CONFIGS = {
    "bert": PLAIN,
    "roberta": replace(PLAIN, padding_id=1, n_token_type=1),
    "no types": replace(PLAIN, n_token_type=0, activation="gelu"),
    "one head, squared relu": replace(PLAIN, n_head=1, activation="squared_relu", n_hidden=5),
    "dropout": replace(PLAIN, dropout=0.2),
    "rotary": replace(PLAIN, position="rope"),
}


class Example:
    """A model away from its initial point, an input with padding, upstream gradients."""

    def __init__(self, config: BERTConfig) -> None:
        rng = np.random.default_rng(7)
        self.model = BERT(config, dtype=np.float64, seed=2)
        values = self.model.parameters.values
        values += rng.normal(0, 0.2, values.shape)
        self.tokens = rng.integers(2, config.vocab_size, (3, 5))
        self.tokens[0, 3:] = max(0, config.padding_id)
        self.mask = np.ones((3, 5), bool)
        self.mask[0, 3:] = False
        self.inputs = {"key": 4, "key_mask": self.mask}
        if config.n_token_type > 1:
            self.inputs["token_types"] = rng.integers(0, 2, (3, 5))
        self.dlogits = rng.normal(size=(3, 5, config.vocab_size))
        self.dpooled = rng.normal(size=(3, config.n_embd))

    def loss(self) -> float:
        x, _ = self.model.features(self.tokens, **self.inputs)
        logits, _ = self.model.head.forward(x)
        pooled, _ = self.model.pooler.forward(x)
        return float(np.sum(logits * self.dlogits) + np.sum(pooled * self.dpooled))

    def backward(self) -> None:
        x, saved = self.model.features(self.tokens, **self.inputs)
        _, s_head = self.model.head.forward(x)
        _, s_pooler = self.model.pooler.forward(x)
        dx = self.model.head.backward(self.dlogits, s_head)
        dx = dx + self.model.pooler.backward(self.dpooled, s_pooler)
        self.model.features_backward(dx, saved)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_gradient_along_random_directions(config: BERTConfig, twin: str) -> None:
    example = Example(config)
    parameters = example.model.parameters
    with using(twin):
        example.backward()
        report = directional_check(
            example.loss, parameters.values, parameters.gradients, seed=1, step=2.0**-18
        )
    assert report.worst <= 1e-7, str(report)


def test_every_parameter_has_a_gradient() -> None:
    example = Example(CONFIGS["roberta"])
    example.backward()
    for parameter in example.model.parameters:
        assert np.abs(parameter.grad).max() > 0, parameter.name


def test_forward_is_features_and_head() -> None:
    example = Example(PLAIN)
    logits, saved = example.model.forward(example.tokens, **example.inputs)
    x, _ = example.model.features(example.tokens, **example.inputs)
    np.testing.assert_array_equal(logits, example.model.head.forward(x)[0])
    example.model.backward(example.dlogits, saved)
    assert np.abs(example.model.parameters["token_embedding.weight"].grad).max() > 0


def test_padding_changes_nothing_for_the_rest() -> None:
    example = Example(PLAIN)
    whole, _ = example.model.features(example.tokens[:1], key_mask=example.mask[:1])
    cut, _ = example.model.features(example.tokens[:1, :3])
    np.testing.assert_allclose(whole[:, :3], cut, rtol=1e-12, atol=1e-13)


def test_each_position_reads_both_ways() -> None:
    model = Example(PLAIN).model
    tokens = np.array([[2, 3, 4, 5]])
    changed = np.array([[2, 3, 4, 6]])
    before, after = (model.features(ids)[0] for ids in (tokens, changed))
    assert np.abs(before - after).max(axis=-1).min() > 1e-6


def test_positions_of_roberta() -> None:
    model = Example(CONFIGS["roberta"]).model
    tokens = np.array([[1, 5, 6, 1], [5, 6, 7, 1]])
    np.testing.assert_array_equal(model._positions(tokens), [[1, 2, 3, 1], [2, 3, 4, 1]])
    assert model.parameters["position_embedding.weight"].shape == (8, 12)


def test_what_does_not_fit() -> None:
    model = Example(PLAIN).model
    with pytest.raises(MinilmError, match="7 positions do not fit"):
        model.features(np.zeros((1, 7), int))
    with pytest.raises(MinilmError, match="token types from 0 to 2 do not fit"):
        model.features(np.zeros((1, 2), int), token_types=np.array([[0, 2]]))
    with pytest.raises(MinilmError, match="no head"):
        BERT(replace(PLAIN, masked_head=False)).forward(np.zeros((1, 2), int))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_embd": 13}, "not a multiple"),
        ({"padding_id": -2}, "must be an id, or -1"),
        ({"activation": "swiglu"}, "model.activation"),
        ({"n_layer": 0}, "n_layer = 0"),
        ({"norm_eps": 0.0}, "norm_eps"),
        ({"architecture": "gpt"}, "architecture"),
    ],
)
def test_impossible_configurations(changes: dict, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        replace(PLAIN, **changes)
