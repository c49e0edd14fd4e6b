"""The optimiser over a model's array: clipping, decay groups, and its refusal of NaN."""

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.nn.parameters import Constant, Normal, Parameters, Scope
from minilm.optim.adamw import AdamW, clip_scale
from minilm.optim.config import OptimizerConfig


def _parameters() -> Parameters:
    scope = Scope()
    scope.parameter("matrix", (4, 5), Normal(1.0), decay=True)
    scope.parameter("gain", (3,), Constant(1.0))
    return Parameters(scope.declared, np.float64)


def _by_hand(config: OptimizerConfig, gradients: list[dict], rates: list[float]) -> dict:
    """AdamW as Loshchilov and Hutter write it, one parameter at a time."""
    parameters = _parameters()
    result = {}
    for p in parameters:
        x, m, v = p.value.copy(), 0.0, 0.0
        for t, (step, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
            norm = np.sqrt(sum((g**2).sum() for g in step.values()))
            g = step[p.name] * min(1.0, config.clip_norm / (norm + 1e-6))
            m = config.beta1 * m + (1 - config.beta1) * g
            v = config.beta2 * v + (1 - config.beta2) * g**2
            m_hat, v_hat = m / (1 - config.beta1**t), v / (1 - config.beta2**t)
            decay = config.weight_decay if p.decay else 0.0
            x = x - rate * (m_hat / (np.sqrt(v_hat) + config.eps) + decay * x)
        result[p.name] = x
    return result


def test_updates_equal_those_by_hand() -> None:
    config = OptimizerConfig(
        learning_rate=0.1, schedule="constant", warmup_steps=2, clip_norm=2.0, weight_decay=0.3
    )
    rng = np.random.default_rng(0)
    parameters = _parameters()
    optimizer = AdamW(parameters, config, n_steps=5)
    steps = [
        {p.name: scale * rng.normal(size=p.shape) for p in parameters}
        for scale in (10.0, 0.1, 1.0, 5.0, 0.01)
    ]
    rates = []
    for step in steps:
        for p in parameters:
            p.grad[...] = step[p.name]
        rates.append(optimizer.next_learning_rate())
        norm = optimizer.update()
        assert norm == pytest.approx(np.sqrt(sum((g**2).sum() for g in step.values())))
    assert rates == pytest.approx([0.1 / 3, 0.2 / 3, 0.1, 0.1, 0.1])
    for name, expected in _by_hand(config, steps, rates).items():
        np.testing.assert_allclose(parameters[name].value, expected, rtol=1e-12)


def test_gaps_of_alignment_stay_zero() -> None:
    parameters = _parameters()
    optimizer = AdamW(parameters, OptimizerConfig(), n_steps=3)
    for p in parameters:
        p.grad[...] = 1.0
    optimizer.update()
    assert (parameters.values != 0).sum() == parameters.n_parameters


def test_a_gradient_that_is_not_finite_changes_nothing() -> None:
    parameters = _parameters()
    optimizer = AdamW(parameters, OptimizerConfig(), n_steps=3)
    before = parameters.values.copy()
    parameters["gain"].grad[1] = np.inf
    assert not np.isfinite(optimizer.update())
    np.testing.assert_array_equal(parameters.values, before)
    assert optimizer.n_updates == 0


def test_clip_scale() -> None:
    assert clip_scale(5.0, 1.0) == pytest.approx(0.2, rel=1e-6)
    assert clip_scale(0.0, 1.0) == 1.0


@pytest.mark.parametrize(
    "bad",
    [
        {"learning_rate": -1.0},
        {"learning_rate": float("nan")},
        {"beta1": 1.0},
        {"beta2": 1.5},
        {"eps": 0.0},
        {"schedule": "cosin"},
        {"warmup_steps": -1},
        {"min_learning_rate": 1.0},
        {"decay_fraction": 1.01},
        {"weight_decay": float("inf")},
    ],
)
def test_impossible_settings_name_their_key(bad: dict) -> None:
    with pytest.raises(MinilmError, match=next(iter(bad))):
        OptimizerConfig(**bad)
