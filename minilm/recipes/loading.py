"""From a run folder back to a model that can be used."""

from __future__ import annotations

import os
from pathlib import Path

from minilm import tokenizers
from minilm.errors import MinilmError
from minilm.generation.pretrained import Pretrained
from minilm.models.gpt import GPT
from minilm.recipes.reading import parse
from minilm.recipes.recipe import Recipe
from minilm.training import checkpoint
from minilm.training.reporter import Reporter, Silent
from minilm.training.run import CONFIG, TOKENIZER, Run

__all__ = ["best_checkpoint", "load", "read_config"]


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


def load(run: str | os.PathLike[str], *, reporter: Reporter | None = None) -> Pretrained:
    """The model of a run, from its best checkpoint.

    Parameters
    ----------
    run : path
        The folder that ``minilm pretrain`` wrote.

    Raises
    ------
    MinilmError
        If it holds no run, or no whole checkpoint.
    """
    path = Path(run)
    recipe = read_config(path)
    reporter = reporter or Silent()
    folder, step = best_checkpoint(path, reporter)
    model = GPT(recipe.model, seed=None)
    checkpoint.load_parameters(folder, model.parameters)
    return Pretrained(model, tokenizers.load(path / TOKENIZER), step)
