"""A classifier fitted to labelled texts: the pretrained model, or the same from random weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from minilm.models.classifier import Classifier, ClassifierConfig, headless
from minilm.models.depth import rates
from minilm.models.model import Model
from minilm.objectives.classification import Classification, Labelled, probabilities
from minilm.objectives.config import ClassificationConfig
from minilm.optim.adamw import AdamW
from minilm.optim.config import OptimizerConfig
from minilm.recipes.loading import best_checkpoint, restored
from minilm.recipes.recipe import Recipe
from minilm.training import checkpoint
from minilm.training.config import TrainingConfig
from minilm.training.loop import Loop, Progress, train
from minilm.training.reporter import Reporter
from minilm.training.run import Run

__all__ = ["Parts", "classifier", "defaults", "fit", "from_scratch"]

EPOCHS = 20
LEAST_STEPS, MOST_STEPS = 100, 2000
EVALUATIONS = 20


@dataclass(frozen=True)
class Parts:
    """Encoded texts of a fine-tuning."""

    train: Labelled
    validation: Labelled


def defaults(base: Recipe, n_train: int) -> Recipe:
    """The recipe of a fine-tuning of a run, before anyone changes a setting.

    The learning rate is 1e-3 for 128 channels and falls with their square, which is 2.8e-5
    for BERT-base. 20 epochs, but at least 100 steps and at most 2000.
    """
    training = TrainingConfig(batch_size=min(16, n_train), patience=6)
    steps = math.ceil(EPOCHS * n_train / training.batch_size)
    steps = min(MOST_STEPS, max(LEAST_STEPS, steps))
    peak = min(2e-3, 1e-3 * (128 / base.model.n_embd) ** 2)
    return replace(
        base,
        name=f"{base.name or 'run'}-classifier",
        description="",
        objective=ClassificationConfig(),
        optimizer=OptimizerConfig(
            learning_rate=peak,
            min_learning_rate=0.0,
            warmup_steps=steps // 10,
            schedule="linear",
            beta2=0.999,
            weight_decay=0.01,
        ),
        training=replace(training, steps=steps, evaluate_every=max(1, steps // EVALUATIONS)),
    )


def classifier(recipe: Recipe, n_class: int, source: Model | None = None) -> Classifier:
    """The recipe's model with a head for K classes: random weights, or those of `source`."""
    objective = recipe.objective
    assert isinstance(objective, ClassificationConfig)
    config = ClassifierConfig(headless(recipe.model), n_class, objective.pooling, objective.dropout)
    model = Classifier(config, seed=recipe.seed)
    if source is not None:
        for parameter in model.parameters:
            if not parameter.name.startswith("classifier."):
                parameter.value[...] = source.parameters[parameter.name].value
    return model


def fit(
    model: Classifier,
    recipe: Recipe,
    parts: Parts,
    run: Run,
    reporter: Reporter,
    stop: Callable[[], bool],
) -> Progress:
    """Train until the steps are done or the validation loss has stopped falling.

    A run that has checkpoints goes on from the last one.

    The model then holds the parameters of the lowest validation loss, which `run` has too.
    """
    objective, names = recipe.objective, [p.name for p in model.parameters]
    assert isinstance(objective, ClassificationConfig)
    n_layer = recipe.model.n_layer
    factors = rates(names, n_layer, decay=objective.layer_decay, n_frozen=objective.frozen)
    optimizer = AdamW(model.parameters, recipe.optimizer, recipe.training.steps, factors)
    task = Classification(
        parts.train,
        parts.validation,
        n_class=model.config.n_class,
        batch_size=recipe.training.batch_size,
        seed=recipe.seed,
        whole=objective.frozen <= n_layer,
    )
    flops = recipe.model.flops_per_token(predicted=0.0)
    loop = Loop(model, task, optimizer, run, recipe.training, reporter, flops_per_token=flops)
    progress = restored(run, recipe.training.steps, model, optimizer, reporter)
    loop.record("start", **_start(recipe, parts, run, model))
    patience = recipe.training.patience
    if not patience or progress.stale < patience:
        train(loop, progress, stop)
    if progress.best_step:
        folder, _ = best_checkpoint(run.path, reporter)
        checkpoint.load_parameters(folder, model.parameters)
    return progress


def _start(recipe: Recipe, parts: Parts, run: Run, model: Classifier) -> dict[str, object]:
    sizes = [sum(map(len, part.sequences)) for part in (parts.train, parts.validation)]
    per_text = sizes[0] / len(parts.train.sequences)
    return {
        "run": str(run.path),
        "recipe": recipe.name,
        "parameters": model.parameters.n_parameters,
        "train_tokens": sizes[0],
        "val_tokens": sizes[1],
        "steps": recipe.training.steps,
        "tokens_per_step": round(recipe.training.batch_size * per_text),
    }


def from_scratch(recipe: Recipe, learning_rate: float) -> Recipe:
    """The same, for random weights: all layers learn, at one rate."""
    objective = recipe.objective
    assert isinstance(objective, ClassificationConfig)
    optimizer = replace(recipe.optimizer, learning_rate=learning_rate)
    return replace(
        recipe,
        name=f"{recipe.name} from random weights",
        objective=replace(objective, layer_decay=1.0, frozen=0),
        optimizer=optimizer,
    )


def predicted(model: Classifier, part: Labelled) -> NDArray:
    """The number of the likeliest label of each text."""
    return np.asarray(probabilities(model, part.sequences).argmax(axis=1))
