"""From a Hugging Face folder to a run, as if it had been trained here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from minilm.errors import MinilmError
from minilm.interop import folder as folders
from minilm.interop import tokenizer_files
from minilm.models.model_config import ModelConfig
from minilm.objectives.config import NoObjective
from minilm.recipes.reading import to_toml
from minilm.recipes.recipe import DataConfig, Recipe
from minilm.tokenizers.hugging_face import NEEDS_PACKAGE, HuggingFaceTokenizer
from minilm.training import checkpoint
from minilm.training.loop import Progress
from minilm.training.run import CONFIG, TOKENIZER, Run

__all__ = ["Import", "import_folder"]


@dataclass(frozen=True)
class Import:
    """What was imported.

    Attributes
    ----------
    run : path of the run folder
    family : str
        The ``model_type`` of the source.
    config : ModelConfig
    tokenizer : str
        Its kind; empty if the folder has none.
    ready : bool
        Whether text can be encoded here and now.
    notes : tuple of str
        One line for each thing that a careful reader would want to know.
    """

    run: Path
    family: str
    config: ModelConfig
    tokenizer: str = ""
    ready: bool = False
    notes: tuple[str, ...] = field(default_factory=tuple)


def import_folder(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    ignore: Collection[str] = (),
) -> Import:
    """Make a run of a folder: ``config.toml``, ``tokenizer.json`` and a checkpoint.

    Weights are stored in float32. The run appears whole or not at all: what a failure
    leaves behind is removed.

    Parameters
    ----------
    source : path
        A folder with ``config.json``, safetensors weights and tokenizer files.
    out : path
        The run folder, which must not hold anything yet.
    ignore : collection of str
        Fields of ``config.json`` to pass over although they are not supported.

    Raises
    ------
    MinilmError
        Naming what in the folder is missing, unsound or not supported.
    """
    source, out = Path(source), Path(out)
    if (out / CONFIG).exists():
        raise MinilmError(f"{out} holds a run already; choose another --out")
    imported = folders.read(source, ignore=ignore)
    tokenizer = tokenizer_files.read(source)
    notes = list(imported.notes)
    ready = tokenizer is not None
    if tokenizer is None:
        notes.append(tokenizer_files.NO_TOKENIZER)
    elif tokenizer.vocab_size > imported.model.config.vocab_size:
        raise MinilmError(
            f"{source}: the tokenizer has {tokenizer.vocab_size} ids, the model rows for "
            f"{imported.model.config.vocab_size}: they do not belong together"
        )
    if isinstance(tokenizer, HuggingFaceTokenizer) and not tokenizer.ready:
        ready = False
        notes.append(NEEDS_PACKAGE)
    recipe = Recipe(
        name=source.resolve().name,
        description=f"Imported from {source.name} ({imported.family.model_type}).",
        objective=NoObjective(),
        data=DataConfig(source="", tokenizer="imported"),
        model=imported.model.config,
    )
    existed = out.exists()
    with Run.create(out) as run:
        try:
            if tokenizer:
                tokenizer.save(run.path / TOKENIZER)
            checkpoint.save(run.path, 0, imported.model.parameters, None, vars(Progress(n_steps=0)))
            run.write(CONFIG, to_toml(recipe))
        except BaseException:
            shutil.rmtree(run.path / checkpoint.name(0), ignore_errors=True)
            (run.path / TOKENIZER).unlink(missing_ok=True)
            if not existed:
                shutil.rmtree(out, ignore_errors=True)
            raise
    kind = tokenizer.kind if tokenizer else ""
    return Import(out, imported.family.model_type, imported.model.config, kind, ready, tuple(notes))
