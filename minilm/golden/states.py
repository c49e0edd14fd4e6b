"""The numbers of a few training steps, one after the other, in the order of computation.

This is the one place that computes them: a recording writes them down, a check holds them
against a file.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minilm.backend import ops
from minilm.errors import MinilmError
from minilm.golden.inputs import IGNORED, Inputs
from minilm.golden.names import backward_order
from minilm.models.architectures import build
from minilm.models.model import Model
from minilm.nn.taps import Taps
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig

__all__ = ["copied", "forward", "loss_and_gradients", "squeezed", "states"]


def copied(model: Model, dtype: DTypeLike) -> Model:
    """A model of the same parameters, without dropout, to be trained for a few steps.

    float32 values are exact in float64, so a float64 copy computes what the float32 model
    rounds.
    """
    twin = build(model.config.changed(dropout=0.0), dtype=dtype, seed=None)
    twin.parameters.values[...] = model.parameters.values
    return twin


def squeezed(config: OptimizerConfig, planned_steps: int, n_steps: int) -> OptimizerConfig:
    """The optimiser with its warm-up in proportion to a run of few steps, at least one of them.

    Examples
    --------
    >>> squeezed(OptimizerConfig(warmup_steps=100), 1000, 10).warmup_steps
    1
    """
    if not config.warmup_steps:
        return config
    share = round(config.warmup_steps * n_steps / max(1, planned_steps))
    return replace(config, warmup_steps=max(1, share))


def states(
    model: Model, inputs: Inputs, optimizer: OptimizerConfig, n_steps: int
) -> Iterator[tuple[str, NDArray]]:
    """Yield (name, array) as `minilm.golden.names` lists them, from the parameters on.

    The arrays of parameters are views that the next step changes. The model is trained.

    Raises
    ------
    MinilmError
        If a gradient is not finite.
    """
    dtype = model.parameters.values.dtype
    parameters = [p.name for p in model.parameters]
    for p in model.parameters:
        yield f"parameter.{p.name}", p.value
    taps = Taps()
    model.parameters.zero_gradients()
    loss = loss_and_gradients(model, inputs.batch(0), taps)
    for name, value in taps.values.items():
        yield f"value.{name}", value
    yield "loss", np.array(loss, dtype)
    values = list(taps.values)
    taps.values.clear()
    for full in backward_order(values, parameters):
        kind, name = full.removeprefix("gradient.").split(".", 1)
        if kind == "parameter":
            yield full, model.parameters[name].grad
        else:
            yield full, taps.gradients.pop(name)
    adamw = AdamW(model.parameters, optimizer, n_steps)
    for step in range(1, n_steps + 1):
        if step > 1:
            model.parameters.zero_gradients()
            loss = loss_and_gradients(model, inputs.batch(step - 1))
        rate = adamw.next_learning_rate()
        norm = adamw.update()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise MinilmError(
                f"diverged at step {step}: loss {loss:g}, norm of the gradient {norm:g}; "
                "try a lower optimizer.learning_rate"
            )
        for name, scalar in (("loss", loss), ("gradient_norm", norm), ("learning_rate", rate)):
            yield f"step.{step}.{name}", np.array(scalar, dtype)
        for p in model.parameters:
            yield f"step.{step}.parameter.{p.name}", p.value


def forward(
    model: Model, batch: Mapping[str, NDArray], taps: Taps | None = None
) -> tuple[NDArray, Any]:
    """The logits (B, T, V) of a batch, or the features (B, T, C) of a model without a head."""
    seen = {}
    if "key_mask" in batch:
        seen["key_mask"] = batch["key_mask"] != 0
    if "token_types" in batch:
        seen["token_types"] = batch["token_types"]
    if model.head is not None:
        return model.forward(batch["tokens"], taps=taps, **seen)
    with _watching(model, taps):
        return model.features(batch["tokens"], **seen)


def loss_and_gradients(
    model: Model, batch: Mapping[str, NDArray], taps: Taps | None = None
) -> float:
    """Forward, loss and backward; adds into the gradients."""
    y, saved = forward(model, batch, taps)
    if "wanted" in batch:
        gap = y - batch["wanted"].astype(y.dtype)
        if "key_mask" in batch:
            gap *= batch["key_mask"][..., None]
        with _watching(model, taps):
            model.features_backward(gap / batch["tokens"].size, saved)
        return float(np.sum(gap * gap, dtype=np.float64)) / (2 * batch["tokens"].size)
    targets = batch["targets"].reshape(-1)
    rows = y.reshape(len(targets), -1)
    loss, s_loss = ops.softmax_cross_entropy.forward(rows, targets, ignore_index=IGNORED)
    dy = ops.softmax_cross_entropy.backward(1.0, s_loss).reshape(y.shape)
    model.backward(dy, saved, taps=taps)
    return loss


def _watching(model: Model, taps: Taps | None) -> contextlib.AbstractContextManager[None]:
    if taps is None:
        return contextlib.nullcontext()
    return taps.watching({id(layer): path for path, layer in model.sublayers()})
