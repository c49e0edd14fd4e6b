"""From a run to a Hugging Face folder that `transformers` opens."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minilm.errors import MinilmError, did_you_mean
from minilm.interop import tokenizer_files
from minilm.interop.families import FAMILIES
from minilm.interop.family import Family
from minilm.interop.folder import CONFIG
from minilm.models.model import Model
from minilm.models.model_config import ModelConfig
from minilm.recipes.loading import load_parts
from minilm.storage import tensor_write
from minilm.tokenizers import Tokenizer
from minilm.training.reporter import Reporter

__all__ = ["Export", "export_run", "family_of", "write"]

WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes
    ----------
    folder : Path
    family : str
        The ``model_type`` written, and the class of `transformers` that opens it.
    architecture : str
    step : int
        Of the checkpoint.
    tokenizer : bool
        Whether the run had one.
    """

    folder: Path
    family: str
    architecture: str
    step: int
    tokenizer: bool


def export_run(
    run: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    family: str = "",
    reporter: Reporter | None = None,
) -> Export:
    """Write a run's best checkpoint and its tokenizer as a Hugging Face folder.

    Parameters
    ----------
    run : path
    folder : path
        Must not exist yet, or be empty.
    family : str
        The ``model_type`` to write; by default the first family that can express the model.

    Raises
    ------
    MinilmError
        If no family can express the model (it says why), or the folder cannot be written.
    """
    folder = Path(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise MinilmError(f"{folder} exists already; choose another folder")
    parts = load_parts(run, reporter=reporter)
    chosen = family_of(parts.model.config, family)
    existed = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(parts.model, chosen, folder, end_of_text=_end_of_text(parts.tokenizer))
        if parts.tokenizer:
            tokenizer_files.write(parts.tokenizer, folder, parts.model.config.block_size)
    except BaseException as error:
        for name in (CONFIG, WEIGHTS, tokenizer_files.TOKENIZER, tokenizer_files.SETTINGS):
            (folder / name).unlink(missing_ok=True)
        if not existed:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise MinilmError(f"cannot write {folder}: {error.strerror or error}") from None
        raise
    architecture = _architecture(chosen, parts.model.config)
    return Export(folder, chosen.model_type, architecture, parts.step, bool(parts.tokenizer))


def write(model: Model, family: Family, folder: Path, *, end_of_text: int | None = None) -> None:
    """Write ``model.safetensors``, one tensor at a time, and ``config.json`` after it."""
    tensors = {
        piece.tensor: piece.get(model.parameters[piece.parameter].value)
        for piece in family.pieces(model.config)
    }
    tensor_write.write(folder / WEIGHTS, tensors, {"format": "pt"})
    description: dict[str, Any] = {
        "architectures": [_architecture(family, model.config)],
        "model_type": family.model_type,
        "dtype": model.parameters.values.dtype.name,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        **family.describe(model.config),
    }
    (folder / CONFIG).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def family_of(config: ModelConfig, name: str = "") -> Family:
    """The family called `name`, or the first that can express a configuration.

    Raises
    ------
    MinilmError
        If there is none; it says what stands in the way of the nearest.
    """
    if name and name not in FAMILIES:
        raise MinilmError(f"no family {name!r}{did_you_mean(name, FAMILIES)}")
    reasons = {}
    for family in [FAMILIES[name]] if name else FAMILIES.values():
        obstacle = family.obstacle(config)
        if not obstacle:
            return family
        reasons[family.model_type] = obstacle
    if name:
        raise MinilmError(f"{name} cannot express this model: {reasons[name]}")
    told = "; ".join(f"{kind}: {reason}" for kind, reason in reasons.items())
    raise MinilmError(f"no family of checkpoints can express this model ({told})")


def _architecture(family: Family, config: ModelConfig) -> str:
    headless = getattr(config, "masked_head", True) is False
    return family.architectures[1] if headless else family.architectures[0]


def _end_of_text(tokenizer: Tokenizer | None) -> int | None:
    return tokenizer.end_of_text if tokenizer else None
