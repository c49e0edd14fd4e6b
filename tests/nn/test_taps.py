"""Taps: what they keep, and that each gradient is that of the loss with respect to the value."""

import numpy as np
import pytest

from minilm.backend import TWINS, using
from minilm.models.bert import BERT
from minilm.models.bert_config import BERTConfig
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.nn.layer import Layer
from minilm.nn.taps import Taps

GPT2 = GPTConfig(vocab_size=7, block_size=4, n_layer=1, n_head=2, n_embd=8)
MODELS = {
    "gpt2": (GPT, GPT2),
    "modern": (
        GPT,
        GPTConfig(
            vocab_size=7, block_size=4, n_layer=1, n_head=2, n_kv_head=1, n_embd=8, position="rope",
            norm="rms_norm", activation="swiglu", bias=False, qk_norm=True, tied_head=False,
        ),
    ),
    "parallel": (
        GPT,
        GPTConfig(vocab_size=7, block_size=4, n_layer=1, n_head=2, n_embd=8, block="parallel"),
    ),
    "bert": (BERT, BERTConfig(vocab_size=7, block_size=4, n_layer=1, n_head=2, n_embd=8)),
}  # fmt: skip
TOKENS = np.array([[1, 5, 5, 2], [0, 3, 6, 1]])


def run(name: str, taps: Taps | None = None):
    kind, config = MODELS[name]
    model = kind(config, dtype=np.float64, seed=1)
    rng = np.random.default_rng(3)
    model.parameters.values += rng.normal(0, 0.3, model.parameters.values.shape)
    logits, saved = model.forward(TOKENS, taps=taps)
    dlogits = rng.normal(size=logits.shape)
    model.backward(dlogits, saved, taps=taps)
    return model, logits, dlogits


@pytest.mark.parametrize("name", MODELS)
def test_watching_changes_nothing(name: str) -> None:
    plain, logits, _ = run(name)
    watched, same_logits, _ = run(name, Taps())
    np.testing.assert_array_equal(logits, same_logits)
    np.testing.assert_array_equal(plain.parameters.gradients, watched.parameters.gradients)


@pytest.mark.parametrize("name", MODELS)
def test_every_value_has_a_gradient_of_its_shape(name: str) -> None:
    taps = Taps()
    _, logits, dlogits = run(name, taps)
    assert taps.values.keys() == taps.gradients.keys()
    for key, value in taps.values.items():
        assert taps.gradients[key].shape == value.shape, key
        assert np.abs(taps.gradients[key]).max() > 0, key
    last = next(reversed(taps.values))
    np.testing.assert_array_equal(taps.values[last], logits)
    np.testing.assert_array_equal(taps.gradients[last], dlogits)
    assert next(iter(taps.gradients)) == last


class Nudged(Layer):
    """A layer whose output is moved a little before it goes on."""

    def __init__(self, layer: Layer, nudge: np.ndarray) -> None:
        self.layer, self.nudge = layer, nudge

    def __getattr__(self, name: str):
        return getattr(self.layer, name)

    def forward(self, *args, **kwargs):
        y, saved = self.layer.forward(*args, **kwargs)
        return y + self.nudge, saved


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_layer_outputs_against_central_differences(name: str, twin: str) -> None:
    taps = Taps()
    with using(twin):
        model, _, dlogits = run(name, taps)
        layers = dict(model.sublayers())
        checked = 0
        for path in [p for p in taps.values if p in layers]:
            owner_path, _, attribute = path.rpartition(".")
            owner = layers.get(owner_path, model)
            if attribute.isdigit():
                continue
            original = getattr(owner, attribute)
            direction = np.random.default_rng(5).normal(size=taps.values[path].shape)
            losses = []
            for h in (1e-5, -1e-5):
                vars(owner)[attribute] = Nudged(original, h * direction)
                logits, _ = model.forward(TOKENS)
                losses.append(np.sum(logits * dlogits))
            vars(owner)[attribute] = original
            numeric = (losses[0] - losses[1]) / 2e-5
            analytic = np.sum(taps.gradients[path] * direction)
            assert numeric == pytest.approx(analytic, rel=1e-6, abs=1e-7), path
            checked += 1
    assert checked >= 9


@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_attention_matrices(name: str) -> None:
    taps = Taps()
    run(name, taps)
    at = "blocks.0.attention."
    q, k, v = (taps.values[at + part] for part in ("query", "key", "value"))
    scores, weights = taps.values[at + "scores"], taps.values[at + "weights"]
    visible = scores > -np.inf
    expected = q @ k.swapaxes(2, 3) / 2
    np.testing.assert_allclose(scores[visible], expected[visible], rtol=1e-12)
    assert visible.all() == (name == "bert")
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-12)
    np.testing.assert_allclose(weights @ v, taps.values[at + "mixed"], rtol=1e-10, atol=1e-14)

    dmixed, dscores, dweights = (taps.gradients[at + n] for n in ("mixed", "scores", "weights"))
    np.testing.assert_allclose(dweights, dmixed @ v.swapaxes(2, 3), rtol=1e-12)
    np.testing.assert_allclose(dscores.sum(-1), 0, atol=1e-12)
    np.testing.assert_allclose(
        taps.gradients[at + "query"], dscores @ k / 2, rtol=1e-10, atol=1e-14
    )
    by_softmax = weights * (dweights - (dweights * weights).sum(-1, keepdims=True))
    np.testing.assert_allclose(dscores, by_softmax, rtol=1e-9, atol=1e-13)


def test_the_middle_of_a_block() -> None:
    taps = Taps()
    run("gpt2", taps)
    value, gradient = taps.values, taps.gradients
    middle = value["embedding"] + value["blocks.0.attention.projection"]
    np.testing.assert_allclose(value["blocks.0.middle"], middle, rtol=1e-12)
    np.testing.assert_allclose(value["blocks.0"], middle + value["blocks.0.mlp.down"], rtol=1e-12)
    np.testing.assert_array_equal(
        gradient["blocks.0.middle"], gradient["blocks.0.attention.projection"]
    )


def test_nothing_is_kept_once_the_watch_is_over() -> None:
    taps = Taps()
    model, _, _ = run("gpt2", taps)
    names = list(taps.values)
    logits, saved = model.forward(TOKENS)
    model.backward(logits, saved)
    assert list(taps.values) == list(taps.gradients)[::-1] == names


def test_keep_chooses() -> None:
    taps = Taps(keep=lambda name: name.endswith(".weights"))
    run("gpt2", taps)
    assert list(taps.values) == list(taps.gradients) == ["blocks.0.attention.weights"]


def test_values_are_copies() -> None:
    taps = Taps()
    model, logits, _ = run("gpt2", taps)
    logits[...] = 0
    model.parameters.values[...] = 0
    assert all(np.abs(value).max() > 0 for value in taps.values.values())


class Twice(Layer):
    """One layer, used twice."""

    def __init__(self, inner: Layer) -> None:
        self.inner = inner


class Doubling(Layer):
    def forward(self, x):
        return 2 * x, "saved"

    def backward(self, dy, saved):
        return 2 * dy


class Passing(Layer):
    def forward(self, x):
        return x, None


def test_what_is_only_passed_on_keeps_its_name() -> None:
    taps, doubling, passing = Taps(), Doubling(), Passing()
    with taps.watching({id(doubling): "doubling", id(passing): "passing"}):
        y, _ = doubling.forward(np.ones(2))
        passing.forward(y)
        passing.forward(y.copy())
    assert list(taps.values) == ["doubling", "passing"]
    with taps.watching({id(passing): "passing"}):
        passing.forward(y)
    with taps.watching({id(passing): "passing"}):
        passing.forward(y)
    assert list(taps.values) == ["doubling", "passing", "passing (2)", "passing (3)"]


def test_what_is_no_array_is_not_kept() -> None:
    taps, passing = Taps(), Passing()
    with taps.watching({id(passing): "passing"}):
        passing.forward([1.0])
    assert not taps.values


def test_a_layer_used_twice() -> None:
    taps, outer = Taps(), Twice(Doubling())
    paths = {id(layer): path for path, layer in outer.sublayers()}
    with taps.watching(paths):
        once, saved = outer.inner.forward(np.ones(2))
        outer.inner.forward(once)
        outer.inner.backward(np.full(2, 3.0), saved)
        outer.inner.backward(np.full(2, 6.0), saved)
    assert {name: value[0] for name, value in taps.values.items()} == {"inner": 2, "inner (2)": 4}
    assert {name: g[0] for name, g in taps.gradients.items()} == {"inner (2)": 3, "inner": 6}
