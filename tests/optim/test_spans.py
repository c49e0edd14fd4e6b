"""Rates of their own: the same as an optimiser for each, and the frozen does not move."""

from itertools import pairwise

import numpy as np
import pytest

from minilm.backend import TWINS, using
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig
from minilm.optim.spans import spans

CONFIG = GPTConfig(vocab_size=7, block_size=4, n_layer=2, n_head=1, n_embd=8)
OPTIMIZER = OptimizerConfig(learning_rate=0.01, schedule="constant", warmup_steps=0, clip_norm=0)


def _model() -> GPT:
    model = GPT(CONFIG, dtype=np.float64, seed=1)
    return model


def _gradients(step: int, n: int) -> np.ndarray:
    return np.random.default_rng(step).normal(size=n)


def test_one_span_where_all_learn_alike() -> None:
    parameters = _model().parameters
    (only,) = spans(parameters, {"blocks.0.mlp.up.weight": 1.0})
    assert only.place == slice(0, len(parameters.values))
    assert only.n_decay == parameters.n_decay


def test_spans_cover_everything_once_and_never_mix() -> None:
    parameters = _model().parameters
    rates = {p.name: 0.5 if p.name.startswith("blocks.0") else 1.0 for p in parameters}
    rates["token_embedding.weight"] = 0.0
    found = spans(parameters, rates)
    assert found[0].place.start == 0
    assert found[-1].place.stop == len(parameters.values)
    for one, other in pairwise(found):
        assert one.place.stop == other.place.start
    assert sum(span.n_decay for span in found) == parameters.n_decay
    for parameter in parameters:
        at = parameters.span(parameter.name)
        (own,) = [s for s in found if s.place.start <= at.start < s.place.stop]
        assert own.rate == rates[parameter.name]
        assert own.n_decay in (0, own.place.stop - own.place.start)
        assert bool(own.n_decay) == parameter.decay
    assert len(found) < len(rates)


@pytest.mark.parametrize("twin", TWINS)
def test_each_rate_is_as_an_optimiser_of_its_own(twin: str) -> None:
    rates = {p.name: 0.3 for p in _model().parameters if p.name.startswith("blocks.1")}
    mixed, slow, fast = _model(), _model(), _model()
    slower = OptimizerConfig(**{**vars(OPTIMIZER), "learning_rate": 0.003, "min_learning_rate": 0})
    optimizers = [
        AdamW(mixed.parameters, OPTIMIZER, 5, rates),
        AdamW(slow.parameters, slower, 5),
        AdamW(fast.parameters, OPTIMIZER, 5),
    ]
    with using(twin):
        for step in range(5):
            for optimizer in optimizers:
                p = optimizer.parameters
                p.gradients[...] = _gradients(step, len(p.values))
                optimizer.update()
    for parameter in mixed.parameters:
        twin_of = slow if parameter.name in rates else fast
        expected = twin_of.parameters[parameter.name].value
        np.testing.assert_allclose(parameter.value, expected, rtol=1e-12, err_msg=parameter.name)


def test_the_frozen_does_not_move_and_has_no_part_in_the_norm() -> None:
    model = _model()
    parameters = model.parameters
    rates = {p.name: 0.0 for p in parameters if not p.name.startswith("final_norm")}
    before = parameters.values.copy()
    optimizer = AdamW(parameters, OPTIMIZER, 5, rates)
    parameters.gradients[...] = 1e6
    parameters["final_norm.weight"].grad[...] = 0.0
    parameters["final_norm.bias"].grad[...] = 0.0
    parameters["final_norm.bias"].grad[0] = 3.0
    for name in ("final_norm.weight", "final_norm.bias"):  # the gaps after them
        at = parameters.span(name)
        parameters.gradients[at.start + 8 : at.stop] = 0
    assert optimizer.update() == pytest.approx(3.0)
    for parameter in parameters:
        at = parameters.span(parameter.name)
        moved = (parameters.values[at] != before[at]).any()
        assert moved == parameter.name.startswith("final_norm.bias"), parameter.name
    assert not optimizer.m[: parameters.n_decay].any()


def test_mistakes_in_rates() -> None:
    with pytest.raises(ValueError, match="no parameter"):
        spans(_model().parameters, {"nothing": 0.5})
    with pytest.raises(ValueError, match="finite"):
        spans(_model().parameters, {"final_norm.bias": -1.0})
