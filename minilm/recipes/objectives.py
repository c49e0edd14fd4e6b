"""From a recipe's `[objective]` to the task on its text."""

from __future__ import annotations

from collections.abc import Callable

from minilm.errors import MinilmError
from minilm.objectives.config import (
    ClassificationConfig,
    FillInMiddleConfig,
    MaskedTokensConfig,
    NextTokenConfig,
    NoObjective,
    ObjectiveConfig,
)
from minilm.objectives.fill_in_middle import FillInMiddle
from minilm.objectives.masked_tokens import MaskedTokens
from minilm.objectives.next_token import NextToken
from minilm.recipes.recipe import Recipe
from minilm.recipes.text import Text
from minilm.training.loop import Objective

__all__ = ["BUILDERS", "build", "check", "flops_per_token"]


def _next_token(recipe: Recipe, text: Text) -> NextToken:
    assert isinstance(recipe.objective, NextTokenConfig)
    end = text.tokenizer.end_of_text
    if recipe.objective.within_documents and end is None:
        raise MinilmError(
            "objective.within_documents = true needs a token that ends documents, and this text's "
            f"tokenizer ({text.tokenizer.kind}) has none: set it to false, or take another "
            "tokenizer (data.tokenizer)"
        )
    return NextToken(
        text.train.ids,
        text.validation.ids,
        text.bytes_per_id,
        batch_size=recipe.training.batch_size,
        block_size=recipe.model.block_size,
        seed=recipe.seed,
        estimate_windows=recipe.training.estimate_windows,
        document_end=end if recipe.objective.within_documents else None,
    )


def _masked_tokens(recipe: Recipe, text: Text) -> MaskedTokens:
    assert isinstance(recipe.objective, MaskedTokensConfig)
    return MaskedTokens(
        text.train.ids,
        text.validation.ids,
        text.tokenizer,
        recipe.objective,
        batch_size=recipe.training.batch_size,
        block_size=recipe.model.block_size,
        seed=recipe.seed,
        estimate_windows=recipe.training.estimate_windows,
    )


def _fill_in_middle(recipe: Recipe, text: Text) -> FillInMiddle:
    assert isinstance(recipe.objective, FillInMiddleConfig)
    return FillInMiddle(
        text.train.ids,
        text.validation.ids,
        text.bytes_per_id,
        tokenizer=text.tokenizer,
        config=recipe.objective,
        batch_size=recipe.training.batch_size,
        block_size=recipe.model.block_size,
        seed=recipe.seed,
        estimate_windows=recipe.training.estimate_windows,
    )


BUILDERS: dict[type[ObjectiveConfig], Callable[[Recipe, Text], Objective]] = {
    NextTokenConfig: _next_token,
    MaskedTokensConfig: _masked_tokens,
    FillInMiddleConfig: _fill_in_middle,
}


def build(recipe: Recipe, text: Text) -> Objective:
    """The recipe's pretext task on this text.

    Raises
    ------
    MinilmError
        If the model cannot learn it, or the text is too short for it.
    """
    check(recipe)
    return BUILDERS[type(recipe.objective)](recipe, text)


def check(recipe: Recipe) -> None:
    """Refuse a task that the recipe's model cannot learn.

    Raises
    ------
    MinilmError
        Saying which of the two to change.
    """
    name, model = recipe.objective.name, recipe.model
    if isinstance(recipe.objective, NoObjective):
        raise MinilmError(
            'objective.name = "none" describes imported weights; choose next_token or another'
        )
    if isinstance(recipe.objective, ClassificationConfig):
        raise MinilmError(
            f'objective.name = "{name}" learns from labels, not from raw text: '
            "minilm finetune RUN --data FILE.jsonl"
        )
    masked = isinstance(recipe.objective, MaskedTokensConfig)
    if masked and model.causal:
        raise MinilmError(
            f'objective.name = "{name}" needs a model that sees both sides, and '
            f'"{model.architecture}" does not: set model.architecture = "bert"'
        )
    if masked and not model.masked_head:
        raise MinilmError(f'objective.name = "{name}" needs model.masked_head = true')
    if not masked and not model.causal:
        raise MinilmError(
            f'objective.name = "{name}" needs a causal model, and "{model.architecture}" sees '
            'what it is to predict: set objective.name = "masked_tokens" or '
            'model.architecture = "gpt"'
        )


def flops_per_token(recipe: Recipe) -> float:
    """Floating-point operations of a training step per token that is read."""
    return recipe.model.flops_per_token(predicted=recipe.objective.predicted_share)
