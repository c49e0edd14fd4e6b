"""Whole models: gradients by random directions for every option, on both twins."""

from dataclasses import replace

import numpy as np
import pytest

from minilm.backend import TWINS, using
from minilm.errors import MinilmError
from minilm.gradient_check import directional_check
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.nn.rope_scaling import RopeScaling
from minilm.reference import softmax_cross_entropy
from tests.models.options import MODERN as MODERN_OPTIONS

GPT2 = GPTConfig(vocab_size=11, block_size=7, n_layer=2, n_head=2, n_embd=12)
MODERN = GPTConfig(
    vocab_size=11,
    block_size=7,
    n_layer=2,
    n_head=4,
    n_kv_head=2,
    n_embd=16,
    **MODERN_OPTIONS,
)
CONFIGS = {
    "gpt2": GPT2,
    "one head": replace(GPT2, n_head=1),
    "exact gelu": replace(GPT2, activation="gelu_exact"),
    "squared relu": replace(GPT2, activation="squared_relu"),
    "rope": replace(GPT2, position="rope"),
    "rms norm": replace(GPT2, norm="rms_norm"),
    "no biases": replace(GPT2, bias=False),
    "qk norm": replace(GPT2, qk_norm=True),
    "untied": replace(GPT2, tied_head=False),
    "dropout": replace(GPT2, dropout=0.3),
    "parallel": replace(GPT2, position="rope", block="parallel", tied_head=False),
    "wide heads": replace(MODERN, head_dim=6),
    "some channels turn": replace(GPT2, position="rope", head_dim=8, rope_share=0.5),
    "query, key and value biases": replace(MODERN, attention_bias="qkv"),
    "attention biases": replace(MODERN, attention_bias="all"),
    "no attention biases": replace(GPT2, attention_bias="none"),
    "scaled rope": replace(
        MODERN, rope_scaling=RopeScaling("yarn", 2.0, original_context=4, attention_factor=1.1)
    ),
    "modern": MODERN,
    "multi-query": replace(MODERN, n_kv_head=1),
}


def _example(config: GPTConfig) -> tuple[GPT, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    model = GPT(config, dtype=np.float64, seed=3)
    # Away from the initial point, where biases are zero and branches small.
    model.parameters.values += rng.normal(0, 0.2, model.parameters.values.shape)
    tokens = rng.integers(0, config.vocab_size, (3, config.block_size))
    targets = rng.integers(0, config.vocab_size, tokens.size)
    return model, tokens, targets


def _loss(model: GPT, tokens: np.ndarray, targets: np.ndarray) -> float:
    logits, _ = model.forward(tokens, key=9)
    rows = logits.reshape(-1, logits.shape[-1])
    return float(softmax_cross_entropy.forward(rows, targets)[0])


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_gradient_along_random_directions(config: GPTConfig, twin: str) -> None:
    model, tokens, targets = _example(config)
    with using(twin):
        logits, saved = model.forward(tokens, key=9)
        rows = logits.reshape(-1, logits.shape[-1])
        _, s_loss = softmax_cross_entropy.forward(rows, targets)
        dlogits = softmax_cross_entropy.backward(1.0, s_loss)
        model.backward(dlogits.reshape(logits.shape), saved)
        report = directional_check(
            lambda: _loss(model, tokens, targets),
            model.parameters.values,
            model.parameters.gradients,
            seed=1,
            # Small, since squared ReLU bends at 0, and across a bend the quotient is off by h.
            step=2.0**-18,
        )
    assert report.worst <= 1e-7, str(report)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_every_parameter_has_a_gradient(config: GPTConfig) -> None:
    model, tokens, _ = _example(config)
    logits, saved = model.forward(tokens)
    model.backward(np.random.default_rng(0).normal(size=logits.shape), saved)
    for parameter in model.parameters:
        assert np.abs(parameter.grad).max() > 0, parameter.name


def test_backward_adds_into_gradients() -> None:
    model, tokens, _ = _example(GPT2)
    logits, saved = model.forward(tokens)
    model.backward(logits, saved)
    once = model.parameters.gradients.copy()
    model.backward(logits, saved)
    np.testing.assert_allclose(model.parameters.gradients, 2 * once, rtol=1e-12)


def test_a_model_can_run_twice_before_it_runs_backward() -> None:
    model, tokens, _ = _example(MODERN)
    first, saved_first = model.forward(tokens)
    second, saved_second = model.forward(tokens[:, ::-1].copy())
    model.backward(first, saved_first)
    model.backward(second, saved_second)
    both = model.parameters.gradients.copy()
    model.parameters.zero_gradients()
    for view in (tokens, tokens[:, ::-1].copy()):
        logits, saved = model.forward(view)
        model.backward(logits, saved)
    np.testing.assert_allclose(model.parameters.gradients, both, rtol=1e-12, atol=1e-15)


def test_a_position_sees_only_what_comes_before() -> None:
    for config in (GPT2, MODERN):
        model, tokens, _ = _example(config)
        before, _ = model.forward(tokens)
        changed = tokens.copy()
        changed[:, 4] = (changed[:, 4] + 1) % config.vocab_size
        after, _ = model.forward(changed)
        np.testing.assert_array_equal(before[:, :4], after[:, :4])
        assert (before[:, 4:] != after[:, 4:]).any(axis=-1).all()


def test_twins_agree() -> None:
    for config in (GPT2, MODERN, CONFIGS["dropout"]):
        model, tokens, _ = _example(config)
        results = {}
        for twin in TWINS:
            with using(twin):
                results[twin], _ = model.forward(tokens, key=4)
        np.testing.assert_allclose(results["kernels"], results["reference"], rtol=1e-9, atol=1e-12)


def test_initial_values_are_gpt2s() -> None:
    config = GPTConfig(vocab_size=300, block_size=64, n_layer=8, n_head=2, n_embd=128)
    model = GPT(config, seed=1)
    for parameter in model.parameters:
        if parameter.name.endswith("bias"):
            assert (parameter.value == 0).all()
        elif "norm" in parameter.name:
            assert (parameter.value == 1).all()
        else:
            residual = "projection" in parameter.name or "down" in parameter.name
            expected = 0.02 / np.sqrt(2 * 8) if residual else 0.02
            assert parameter.value.std() == pytest.approx(expected, rel=0.03), parameter.name
            assert abs(parameter.value.mean()) < 0.1 * expected
            assert parameter.decay


def test_initial_loss_is_that_of_guessing() -> None:
    model = GPT(GPTConfig(vocab_size=65, block_size=32, n_layer=2, n_head=2, n_embd=64))
    tokens = np.random.default_rng(0).integers(0, 65, (4, 32))
    logits, _ = model.forward(tokens)
    loss, _ = softmax_cross_entropy.forward(logits.reshape(-1, 65), tokens.reshape(-1)[::-1])
    assert float(loss) == pytest.approx(np.log(65), abs=0.1)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.zeros((1, 8), int), "8 positions do not fit model.block_size = 7"),
        (np.array([[11]]), "token ids from 11 to 11 do not fit model.vocab_size = 11"),
        (np.array([[-1]]), "token ids from -1"),
    ],
)
def test_tokens_that_do_not_fit(tokens: np.ndarray, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        GPT(GPT2).forward(tokens)


def test_a_vocabulary_is_required() -> None:
    with pytest.raises(MinilmError, match="vocab_size"):
        GPT(GPTConfig())
