"""From a run folder back to a model that can be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minilm import tokenizers
from minilm.errors import MinilmError
from minilm.evaluation.encoder import Encoder
from minilm.evaluation.masked import Masked
from minilm.generation.pretrained import Pretrained
from minilm.models.architectures import build
from minilm.models.gpt import GPT
from minilm.models.model import Model
from minilm.objectives.config import ClassificationConfig, NoObjective
from minilm.optim.adamw import AdamW
from minilm.recipes.reading import parse
from minilm.recipes.recipe import Recipe
from minilm.tokenizers import Tokenizer
from minilm.training import checkpoint
from minilm.training.loop import Progress
from minilm.training.reporter import Reporter, Silent
from minilm.training.run import CONFIG, TOKENIZER, Run

__all__ = [
    "Parts",
    "best_checkpoint",
    "load",
    "load_encoder",
    "load_masked",
    "load_parts",
    "read_config",
    "restored",
]


def read_config(run: Path) -> Recipe:
    """The fully resolved recipe of a run."""
    Run.check(run)
    try:
        text = (run / CONFIG).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise MinilmError(f"cannot read {run / CONFIG}: {error}") from None
    return parse(text, str(run / CONFIG))


def best_checkpoint(run: Path, reporter: Reporter) -> tuple[Path, int]:
    """The folder and step of the checkpoint with the lowest validation loss.

    That is what the newest whole checkpoint remembers as best; if it is damaged, the
    newest whole one stands in, with a note.
    """
    folder, state = checkpoint.latest(run, reporter)
    best_step = state["progress"]["best_step"]
    best = run / checkpoint.name(best_step)
    if best != folder and best_step:
        try:
            checkpoint.verify(best)
            return best, best_step
        except MinilmError as error:
            reporter.note(f"{error}; taking {folder.name}")
    return folder, state["progress"]["step"]


def restored(
    run: Run, n_steps: int, model: Model, optimizer: AdamW, reporter: Reporter
) -> Progress:
    """Where the run's last whole checkpoint left it, or its beginning if it has none yet."""
    progress = Progress(n_steps=n_steps)
    if checkpoint.steps(run.path):
        folder, state = checkpoint.latest(run.path, reporter)
        progress = Progress(**checkpoint.restore(folder, state, model.parameters, optimizer))
        optimizer.n_steps = progress.n_steps
        checkpoint.discard_after(run.path, progress.step)
    run.rewind(progress.step)
    return progress


class Parts(NamedTuple):
    """What a run is made of."""

    model: Model
    tokenizer: Tokenizer | None  # None where imported weights came without
    step: int
    recipe: Recipe


def load_parts(
    run: str | os.PathLike[str],
    *,
    dtype: DTypeLike = np.float32,
    reporter: Reporter | None = None,
) -> Parts:
    """The model of a run, from its best checkpoint, and its tokenizer.

    Parameters
    ----------
    run : path
    dtype : float32 or float64
        Of the model; the checkpoint's float32 values are exact in both.

    Raises
    ------
    MinilmError
        If the folder holds no run, or no whole checkpoint.
    """
    path = Path(run)
    recipe = read_config(path)
    if isinstance(recipe.objective, ClassificationConfig):
        raise MinilmError(f"{run} holds a classifier: minilm classify {run} TEXT")
    folder, step = best_checkpoint(path, reporter or Silent())
    model = build(recipe.model, dtype=dtype, seed=None)
    checkpoint.load_parameters(folder, model.parameters)
    none = isinstance(recipe.objective, NoObjective) and not (path / TOKENIZER).exists()
    tokenizer = None if none else tokenizers.load(path / TOKENIZER)
    return Parts(model, tokenizer, step, recipe)


def load(run: str | os.PathLike[str], *, reporter: Reporter | None = None) -> Pretrained:
    """The language model of a run, from its best checkpoint.

    Parameters
    ----------
    run : path
        The folder that ``minilm pretrain`` or ``minilm import`` wrote.

    Raises
    ------
    MinilmError
        If it holds no run, no whole checkpoint, no tokenizer, or a model that cannot write.
    """
    model, tokenizer, step, _ = load_parts(run, reporter=reporter)
    if not isinstance(model, GPT):
        raise MinilmError(
            f"{run} holds an encoder ({model.config.architecture}), which writes no text: "
            "minilm fill fills gaps with it, minilm embed gives its vectors"
        )
    if tokenizer is None:
        raise MinilmError(f"{run} has no {TOKENIZER}: its weights were imported without one")
    return Pretrained(model, tokenizer, step)


def load_encoder(run: str | os.PathLike[str], *, reporter: Reporter | None = None) -> Encoder:
    """The model of a run as an encoder of texts, from its best checkpoint.

    Raises
    ------
    MinilmError
        If it holds no run, no whole checkpoint or no tokenizer.
    """
    model, tokenizer, step, _ = load_parts(run, reporter=reporter)
    if tokenizer is None:
        raise MinilmError(f"{run} has no {TOKENIZER}: its weights were imported without one")
    return Encoder(model, tokenizer, step)


def load_masked(run: str | os.PathLike[str], *, reporter: Reporter | None = None) -> Masked:
    """The model of a run for the gaps of texts, from its best checkpoint.

    Raises
    ------
    MinilmError
        If it holds no run, no whole checkpoint, no tokenizer with a mask token, or a model
        that does not see both sides of a gap.
    """
    model, tokenizer, step, _ = load_parts(run, reporter=reporter)
    if tokenizer is None:
        raise MinilmError(f"{run} has no {TOKENIZER}: its weights were imported without one")
    return Masked(model, tokenizer, step, str(run))
