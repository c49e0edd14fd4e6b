"""From a recipe or a run to what a recording needs: a model, and batches for its steps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from minilm import rng
from minilm.errors import MinilmError
from minilm.golden.inputs import Inputs
from minilm.golden.recording import DEFAULT_BATCH, DEFAULT_POSITIONS
from minilm.models.architectures import build
from minilm.models.model import Model
from minilm.nn.parameters import Constant
from minilm.objectives.config import NoObjective
from minilm.recipes import objectives
from minilm.recipes.loading import load_parts
from minilm.recipes.recipe import Recipe
from minilm.recipes.text import Text, prepare
from minilm.training.reporter import Silent

__all__ = ["Source", "of_recipe", "of_run"]

SPREAD = 0.05


@dataclass(frozen=True)
class Source:
    """A float32 model, where it is from, and what it will be shown."""

    model: Model
    recipe: Recipe
    inputs: Inputs
    notes: list[str] = field(default_factory=list)


def of_recipe(
    recipe: Recipe, *, n_steps: int, batch_size: int | None = None, positions: int | None = None
) -> Source:
    """The recipe's model at its beginning, on its text.

    Gains and biases are moved a little off the 1 and 0 with which training begins: a port that
    forgets a bias of 0 would go unseen.

    Raises
    ------
    MinilmError
        For whatever in the recipe or the text does not allow it.
    """
    text = None
    if not isinstance(recipe.objective, NoObjective):
        specials = recipe.objective.special_tokens
        text = prepare(recipe.data, recipe.name, special_tokens=specials)
        recipe = replace(recipe, model=recipe.model.changed(vocab_size=text.tokenizer.vocab_size))
    model = build(recipe.model, seed=recipe.seed)
    for p in model.parameters:
        if isinstance(p.initialiser, Constant):
            noise = rng.generator(recipe.seed, 0, f"golden/{p.name}").normal(0, SPREAD, p.shape)
            p.value[...] += noise.astype(np.float32)
    return Source(model, recipe, _inputs(model, recipe, text, n_steps, batch_size, positions))


def of_run(
    run: Path, *, n_steps: int, batch_size: int | None = None, positions: int | None = None
) -> Source:
    """A run's model at its best checkpoint, on its text.

    Where there is no text, as in an imported run, ids are drawn.

    Raises
    ------
    MinilmError
        If there is no run, or no whole checkpoint.
    """
    reporter = _Notes()
    model, tokenizer, _, recipe = load_parts(run, reporter=reporter)
    text = None
    if not isinstance(recipe.objective, NoObjective):
        try:
            text = prepare(recipe.data, recipe.name, tokenizer=tokenizer)
        except MinilmError as error:
            reporter.note(f"{error}; taking ids that are drawn")
    inputs = _inputs(model, recipe, text, n_steps, batch_size, positions)
    return Source(model, recipe, inputs, reporter.notes)


class _Notes(Silent):
    """Keeps the remarks."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Remember it."""
        self.notes.append(text)


def _inputs(
    model: Model,
    recipe: Recipe,
    text: Text | None,
    n_steps: int,
    batch_size: int | None,
    positions: int | None,
) -> Inputs:
    n_batches, B = max(1, n_steps), batch_size or DEFAULT_BATCH
    T = positions or min(DEFAULT_POSITIONS, model.config.block_size)
    if model.config.block_size < T:
        raise MinilmError(f"--positions {T}: model.block_size is {model.config.block_size}")
    if text is None:
        return Inputs.drawn(model, n_batches=n_batches, batch_size=B, positions=T, seed=recipe.seed)
    # The recipe's own task, so that the batches are the ones that a run of this shape would see.
    sized = replace(
        recipe,
        model=recipe.model.changed(block_size=T),
        training=replace(recipe.training, batch_size=B, accumulation=1),
    )
    task = objectives.build(sized, text)
    batches = [task.batch(step) for step in range(n_batches)]
    arrays = {
        "tokens": np.stack([batch.inputs for batch in batches]),
        "targets": np.stack([batch.targets for batch in batches]),
    }
    return Inputs(arrays)
