"""From the folder of a fine-tuned run back to a classifier of texts."""

from __future__ import annotations

import os
from pathlib import Path

from minilm import tokenizers
from minilm.errors import MinilmError
from minilm.evaluation.text_classifier import TextClassifier
from minilm.objectives.config import ClassificationConfig
from minilm.recipes.fitting import classifier
from minilm.recipes.loading import best_checkpoint, read_config
from minilm.recipes.origin import LABELS
from minilm.storage import json_file
from minilm.training import checkpoint
from minilm.training.reporter import Reporter, Silent
from minilm.training.run import TOKENIZER

__all__ = ["load_classifier"]


def load_classifier(
    run: str | os.PathLike[str], *, reporter: Reporter | None = None
) -> TextClassifier:
    """The classifier of a run that ``minilm finetune`` wrote, from its best checkpoint.

    Raises
    ------
    MinilmError
        If the folder holds no run, no classifier, or no whole checkpoint.
    """
    path = Path(run)
    recipe = read_config(path)
    if not isinstance(recipe.objective, ClassificationConfig):
        raise MinilmError(
            f"{run} was pretrained, not fine-tuned to labels: "
            f"minilm finetune {run} --data FILE.jsonl makes a classifier of it"
        )
    labels = json_file.read(path / LABELS).get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise MinilmError(f'{path / LABELS} has no list of texts "labels"; put it back')
    folder, step = best_checkpoint(path, reporter or Silent())
    model = classifier(recipe, len(labels))
    checkpoint.load_parameters(folder, model.parameters)
    return TextClassifier(model, tokenizers.load(path / TOKENIZER), labels, step)
