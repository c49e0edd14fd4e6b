"""A Hugging Face folder read: configuration, weights and tokenizer, each checked by name."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minilm import machine
from minilm.errors import MinilmError, did_you_mean
from minilm.interop import fields
from minilm.interop.families import FAMILIES
from minilm.interop.family import Family
from minilm.interop.layout import Piece
from minilm.interop.tensor_folder import TensorFolder
from minilm.models.architectures import MODELS, build
from minilm.models.model import Model
from minilm.models.model_config import ModelConfig
from minilm.storage import json_file

__all__ = ["CONFIG", "Imported", "read"]

CONFIG = "config.json"
# Names of a norm's gain and bias in checkpoints of 2018, converted from TensorFlow.
_OLD_NAMES = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


@dataclass
class Imported:
    """A model made from a folder.

    Attributes
    ----------
    model : Model
    family : Family
    notes : list of str
        One line for each thing that a careful reader would want to know.
    """

    model: Model
    family: Family
    notes: list[str] = field(default_factory=list)


def read(
    path: str | os.PathLike[str],
    *,
    dtype: DTypeLike = np.float32,
    ignore: Collection[str] = (),
) -> Imported:
    """Make a model of a folder, reading block by block into its one array.

    Parameters
    ----------
    path : path
        The folder, with ``config.json`` and safetensors weights.
    dtype : float32 or float64
        Of the model; bfloat16 and float16 weights convert exactly to both.
    ignore : collection of str
        Fields of ``config.json`` to pass over although they are not supported.

    Raises
    ------
    MinilmError
        Naming the file and the field or tensor at fault.
    """
    folder = Path(path)
    raw = json_file.read(folder / CONFIG)
    family = _family(raw, folder / CONFIG)
    tensors = TensorFolder(folder)
    try:
        names = _resolved(tensors.names, family)
        values = fields.read(raw, family.fields, CONFIG, ignore)
        config = family.config(values, names)
        pieces = _checked(config, tensors, names, family)
        left_out = _left_out({piece.tensor for piece in pieces}, names, family)
    except MinilmError as error:
        raise MinilmError(f"{folder}: {error}") from None
    _refuse_what_cannot_fit(config, np.dtype(dtype).itemsize)
    model = build(config, dtype=dtype, seed=None)
    for piece in pieces:
        value = model.parameters[piece.parameter].value
        for rows, block in tensors.blocks(names[piece.tensor], value.dtype):
            piece.put(value, rows if isinstance(rows, slice) else slice(None), block)
    _check_copies(folder, model, pieces, tensors, names, family)
    return Imported(model, family, _notes(tensors, left_out))


def _family(raw: dict[str, Any], where: Path) -> Family:
    model_type = raw.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        near = did_you_mean(str(model_type), FAMILIES)
        raise MinilmError(f"{where}: model_type = {model_type!r} is not supported{near}")
    family = FAMILIES[model_type]
    classes = raw.get("architectures") or []
    if (
        isinstance(classes, list)
        and classes
        and not set(map(str, classes)) & {*family.architectures}
    ):
        raise MinilmError(
            f"{where}: architectures = {classes[0]!r} is not supported; "
            f"{' or '.join(family.architectures)} is"
        )
    return family


def _resolved(names: Collection[str], family: Family) -> dict[str, str]:
    """The usual name of each tensor -> its name in this folder.

    A checkpoint without a head leaves the prefix out, and very old ones call a norm's
    gain and bias gamma and beta.
    """
    found: dict[str, str] = {}
    bare = not any(name.startswith(family.prefix) for name in names)
    for name in names:
        usual = name
        for new, old in _OLD_NAMES.items():
            usual = usual.replace(old, new)
        if bare and not usual.startswith(("cls.", "lm_head.", "embed_out.")):
            usual = family.prefix + usual
        if usual in found:
            raise MinilmError(f"{found[usual]} and {name} are two names of the same tensor")
        found[usual] = name
    return found


def _checked(
    config: ModelConfig, tensors: TensorFolder, names: dict[str, str], family: Family
) -> list[Piece]:
    """The pieces of a model, each of which is there and has its shape.

    One by one, so that absurd sizes in a configuration end at the first tensor that is not.
    """
    if config.tied_head:
        for copy, source in family.tied.items():
            if source not in names and copy in names:
                names[source] = names.pop(copy)
    if config.n_layer > len(names):
        raise MinilmError(f"{config.n_layer} layers, but the folder has {len(names)} tensors")
    shapes = {p.name: p.shape for p in MODELS[config.architecture].declare(config)}
    pieces = []
    for piece in family.pieces(config):
        if piece.tensor not in names:
            raise MinilmError(f"the tensor {piece.tensor} is missing, which {CONFIG} implies")
        name, shape = names[piece.tensor], piece.shape(shapes[piece.parameter])
        if tensors.shape(name) != shape:
            raise MinilmError(
                f"{name} has the shape {tensors.shape(name)}, but {CONFIG} implies {shape}"
            )
        pieces.append(piece)
    return pieces


def _left_out(taken: Collection[str], names: Mapping[str, str], family: Family) -> list[str]:
    """The parameters of parts that are not taken over; refuses tensors that are unknown."""
    left_out = []
    for name in names:
        if name in taken or any(fnmatch(name, pattern) for pattern in family.copies):
            continue
        if not any(fnmatch(name, pattern) for pattern in family.left_out):
            raise MinilmError(
                f"the tensor {names[name]} is none that {family.model_type} with this {CONFIG} has"
            )
        left_out.append(names[name])
    return left_out


def _check_copies(
    folder: Path,
    model: Model,
    pieces: list[Piece],
    tensors: TensorFolder,
    names: Mapping[str, str],
    family: Family,
) -> None:
    """Refuse a copy of a tied tensor that is not what it is tied to."""
    taken = {piece.tensor: piece for piece in pieces}
    for copy, source in family.tied.items():
        if copy in taken or copy not in names or source not in taken:
            continue
        piece = taken[source]
        value = piece.get(model.parameters[piece.parameter].value)
        if tensors.shape(names[copy]) != value.shape or not all(
            np.array_equal(value[rows], block, equal_nan=True)
            for rows, block in tensors.blocks(names[copy], value.dtype)
        ):
            raise MinilmError(
                f"{folder}: {names[copy]} is not equal to {names[source]}, although "
                f"tie_word_embeddings in {CONFIG} makes them one"
            )


def _refuse_what_cannot_fit(config: ModelConfig, itemsize: int) -> None:
    needed = config.n_parameters() * itemsize
    available = machine.available_bytes()
    if needed > available:
        raise MinilmError(
            f"the model has {config.n_parameters():,} parameters and needs "
            f"{needed / 2**30:.1f} GiB; {available / 2**30:.1f} GiB are free"
        )


def _notes(tensors: TensorFolder, left_out: list[str]) -> list[str]:
    notes = []
    if left_out:
        more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        notes.append(f"left out, since nothing here corresponds: {left_out[0]}{more}")
    for name, count in tensors.rounded.items():
        notes.append(f"{name}: {count:,} entries were rounded to the model's precision")
    for name, count in tensors.not_finite.items():
        notes.append(f"{name} holds {count:,} numbers that are NaN or infinite")
    return notes
