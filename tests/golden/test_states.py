"""The numbers: in order, those that training computes, and right."""

import math

import numpy as np
import pytest

from minilm.backend import TWINS, using
from minilm.directional_check import directional_check
from minilm.errors import MinilmError
from minilm.golden.inputs import Inputs
from minilm.golden.names import backward_order, step_names
from minilm.golden.states import copied, loss_and_gradients, squeezed, states
from minilm.nn.taps import Taps
from minilm.objectives.batch import Batch
from minilm.objectives.next_token import NextToken
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig
from tests.golden.configs import OPTIMIZER, SMALL, small_model


def collected(name: str, n_steps: int = 2) -> tuple[dict[str, np.ndarray], Inputs]:
    model = copied(small_model(name), "float64")
    inputs = Inputs.drawn(model, n_batches=max(1, n_steps), batch_size=3, positions=7)
    pairs = states(model, inputs, OPTIMIZER, n_steps)
    return {key: np.array(value) for key, value in pairs}, inputs


@pytest.mark.parametrize("name", SMALL)
def test_order_and_names(name: str) -> None:
    found, inputs = collected(name)
    model = copied(small_model(name), "float64")
    parameters = [p.name for p in model.parameters]
    taps = Taps()
    loss_and_gradients(model, inputs.batch(0), taps)
    expected = [f"parameter.{each}" for each in parameters]
    expected += [f"value.{each}" for each in taps.values]
    expected += ["loss", *backward_order(list(taps.values), parameters)]
    expected += step_names(1, parameters) + step_names(2, parameters)
    assert list(found) == expected
    for full, array in found.items():
        if full.startswith("gradient."):
            assert array.shape == found[full.removeprefix("gradient.")].shape, full
            assert np.abs(array).max() > 0 or "pooler" in full, full


@pytest.mark.parametrize("twin", TWINS)
def test_the_steps_are_those_of_training(twin: str) -> None:
    """`NextToken` takes its loss in slices, the loop's optimiser its own steps."""
    found, inputs = collected("gpt2")
    model = copied(small_model("gpt2"), "float64")
    ids = np.zeros(50, int)
    task = NextToken(ids, ids, np.ones(13, int), batch_size=3, block_size=7, seed=0)
    optimizer = AdamW(model.parameters, OPTIMIZER, 2)
    with using(twin):
        for step in (1, 2):
            arrays = inputs.batch(step - 1)
            batch = Batch(arrays["tokens"], arrays["targets"], key=0)
            model.parameters.zero_gradients()
            loss = task.loss_and_gradients(model, batch, batch.n_targets)
            assert loss == pytest.approx(float(found[f"step.{step}.loss"]), rel=1e-12)
            if step == 1:
                assert found["loss"] == found["step.1.loss"]
                for p in model.parameters:
                    expected = found[f"gradient.parameter.{p.name}"]
                    np.testing.assert_allclose(p.grad, expected, atol=1e-14)
            rate = optimizer.next_learning_rate()
            norm = optimizer.update()
            assert norm == pytest.approx(float(found[f"step.{step}.gradient_norm"]), rel=1e-12)
            assert rate == float(found[f"step.{step}.learning_rate"])
            for p in model.parameters:
                expected = found[f"step.{step}.parameter.{p.name}"]
                np.testing.assert_allclose(p.value, expected, atol=1e-13)


@pytest.mark.parametrize("name", SMALL)
def test_the_gradient_is_that_of_the_loss(name: str) -> None:
    model = copied(small_model(name), "float64")
    inputs = Inputs.drawn(model, n_batches=1, batch_size=3, positions=7)
    loss_and_gradients(model, inputs.batch(0))
    gradient = model.parameters.gradients.copy()

    def loss() -> float:
        return loss_and_gradients(model, inputs.batch(0))

    report = directional_check(loss, model.parameters.values, gradient, step=1e-4)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", ["bert", "headless"])
def test_padding_changes_nothing(name: str) -> None:
    model = copied(small_model(name), "float64")
    inputs = Inputs.drawn(model, n_batches=1, batch_size=3, positions=9)
    batch = inputs.batch(0)
    loss = loss_and_gradients(model, batch)
    padding = batch["key_mask"] == 0
    assert padding.any()
    if "wanted" in batch:
        batch["wanted"] = np.where(padding[..., None], 7.0, batch["wanted"])
    else:
        batch["tokens"] = np.where(padding, 3, batch["tokens"])
    assert loss_and_gradients(model, batch) == pytest.approx(loss, rel=1e-12)


def test_the_loss_of_a_model_without_a_head() -> None:
    model = copied(small_model("headless"), "float64")
    batch = Inputs.drawn(model, n_batches=1, batch_size=2, positions=5).batch(0)
    seen = batch["key_mask"] != 0
    x, _ = model.features(batch["tokens"], key_mask=seen)
    expected = ((x - batch["wanted"])[seen] ** 2).sum() / 2 / 10
    assert loss_and_gradients(model, batch) == pytest.approx(expected, rel=1e-12)


def test_a_copy_has_the_same_float32_values_and_no_dropout() -> None:
    model = small_model("gpt2")
    twin = copied(model, "float64")
    assert twin.parameters.values.dtype == np.float64
    np.testing.assert_array_equal(twin.parameters.values, model.parameters.values)
    assert twin.config.dropout == 0
    assert model.config.dropout > 0


def test_without_steps_nothing_is_trained() -> None:
    found, _ = collected("gpt2", n_steps=0)
    assert not any(name.startswith("step.") for name in found)
    assert "loss" in found


def test_the_warm_up_is_in_proportion() -> None:
    config = OptimizerConfig(warmup_steps=300)
    assert squeezed(config, 1000, 10).warmup_steps == 3
    assert squeezed(config, 10**6, 10).warmup_steps == 1
    assert squeezed(OptimizerConfig(warmup_steps=0), 1000, 10).warmup_steps == 0


def test_what_diverges_is_told() -> None:
    model = small_model("gpt2", "float64")
    model.parameters.values[0] = math.inf
    inputs = Inputs.drawn(model, n_batches=1, batch_size=1, positions=2)
    with np.errstate(all="ignore"), pytest.raises(MinilmError, match="diverged at step 1"):
        list(states(model, inputs, OPTIMIZER, 1))
