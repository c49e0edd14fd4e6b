"""How much memory a run will take, before it takes it."""

from __future__ import annotations

from dataclasses import replace

from minilm import machine
from minilm.errors import MinilmError
from minilm.evaluation import bidirectional_ngram, ngram
from minilm.models import costs
from minilm.objectives.config import MaskedTokensConfig
from minilm.objectives.token_loss import LOGITS_BYTES
from minilm.recipes.recipe import Recipe

__all__ = ["fits", "occupied", "predict", "refuse_what_cannot_fit"]

# Python, NumPy, Numba with compiled kernels and the terminal, measured.
INTERPRETER_BYTES = 190 * 2**20
# The text while it is read, with its ids.
TEXT_BYTES_PER_TOKEN = 12
# Counting n-grams holds so much of a training token for a moment; on both sides of gaps, and
# beside it the probabilities of the gaps that are scored together.
NGRAM_BYTES_PER_TOKEN = 105
GAP_BYTES_PER_TOKEN = 420
GAP_SCORING_BYTES = 28 * 2**20


def predict(recipe: Recipe, n_tokens: int = 0, *, base: int = INTERPRETER_BYTES) -> int:
    """The peak of the whole process, in bytes.

    Parameters, gradients and moments stay; beside them a training step and the counting of
    n-grams come one after the other, and the larger counts.

    Parameters
    ----------
    recipe : Recipe
        With `model.vocab_size` set.
    n_tokens : int
        Of the training text.
    base : int
        What the process holds that has nothing to do with this run; see `occupied`.
    """
    weights = costs.parameter_bytes(recipe.model)
    step = _step_bytes(recipe) - weights
    text = TEXT_BYTES_PER_TOKEN * n_tokens
    return base + text + weights + max(step, _counting_bytes(recipe, n_tokens))


def occupied(recipe: Recipe, n_tokens: int) -> int:
    """What this process holds apart from the run, after its warm-up: `base` of `predict`.

    That is more than `INTERPRETER_BYTES` where kernels had to be compiled, or the process has
    done something else before. The arrays of the warm-up, which had one layer, are free again.
    """
    warm_up = _step_bytes(replace(recipe, model=recipe.model.changed(n_layer=1)))
    own = warm_up + TEXT_BYTES_PER_TOKEN * n_tokens
    return max(INTERPRETER_BYTES, machine.resident_bytes() - own)


def _step_bytes(recipe: Recipe) -> int:
    """Of one training step: parameters with their optimiser, activations, logits."""
    model, training = recipe.model, recipe.training
    rows = training.batch_size // training.accumulation
    positions = int(rows * model.block_size * recipe.objective.predicted_share)
    logits = min(LOGITS_BYTES, 4 * positions * model.vocab_size)
    return costs.training_bytes(model, rows) + logits


def _counting_bytes(recipe: Recipe, n_tokens: int) -> int:
    """Of the n-gram models that the run is held against."""
    if isinstance(recipe.objective, MaskedTokensConfig):
        n = min(n_tokens, bidirectional_ngram.MOST_TOKENS)
        return GAP_BYTES_PER_TOKEN * n + (GAP_SCORING_BYTES if n else 0)
    return NGRAM_BYTES_PER_TOKEN * min(n_tokens, ngram.MOST_TOKENS)


def _available() -> int:
    return machine.available_bytes() + machine.resident_bytes()


def fits(predicted: int) -> bool:
    """Whether so many bytes are free, or already this process's own."""
    return predicted <= _available()


def refuse_what_cannot_fit(recipe: Recipe, predicted: int) -> None:
    """Raise MinilmError, with the figures, if the prediction exceeds what is free."""
    if fits(predicted):
        return
    available = _available()
    model = recipe.model
    rows = recipe.training.batch_size // recipe.training.accumulation
    raise MinilmError(
        f"this run needs about {_gb(predicted)} and {_gb(available)} are free: "
        f"{_gb(costs.parameter_bytes(model))} for {model.n_parameters():,} parameters with "
        f"gradients and Adam, {_gb(costs.activation_bytes(model, rows))} for the activations "
        f"of {rows} x {model.block_size} tokens; lower model.n_layer, model.n_embd or "
        "model.block_size, or raise training.accumulation"
    )


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"
