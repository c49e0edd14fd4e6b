"""How much memory a run will take, before it takes it."""

from __future__ import annotations

from minilm import machine
from minilm.errors import MinilmError
from minilm.models import costs
from minilm.objectives.config import MaskedTokensConfig
from minilm.objectives.token_loss import LOGITS_BYTES
from minilm.recipes.recipe import Recipe

__all__ = ["fits", "predict", "refuse_what_cannot_fit"]

# Python, NumPy, Numba and the terminal, measured after a run's imports; and what LLVM
# keeps when it has compiled the kernels in this process.
INTERPRETER_BYTES = 190 * 2**20
COMPILER_BYTES = 190 * 2**20
# Counting n-grams holds about 60 bytes a training token for a moment, on both sides of gaps 400.
NGRAM_BYTES_PER_TOKEN = 60
GAP_BYTES_PER_TOKEN = 400


def predict(recipe: Recipe, n_tokens: int = 0, *, compiling: bool = False) -> int:
    """The peak of the whole process, in bytes.

    Parameters
    ----------
    recipe : Recipe
        With `model.vocab_size` set.
    n_tokens : int
        Of the training text.
    compiling : bool
        Whether this process compiles its kernels, rather than finding them in the cache.
    """
    model, training = recipe.model, recipe.training
    rows = training.batch_size // training.accumulation
    positions = int(rows * model.block_size * recipe.objective.predicted_share)
    logits = min(LOGITS_BYTES, 4 * positions * model.vocab_size)
    step = costs.training_bytes(model, rows) + 2 * logits
    fixed = INTERPRETER_BYTES + (COMPILER_BYTES if compiling else 0)
    gaps = isinstance(recipe.objective, MaskedTokensConfig)
    counting = (GAP_BYTES_PER_TOKEN if gaps else NGRAM_BYTES_PER_TOKEN) * n_tokens
    return fixed + 12 * n_tokens + max(step, counting)


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
