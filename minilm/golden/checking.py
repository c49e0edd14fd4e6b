"""This build against a golden file: everything is computed anew from its parameters and inputs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minilm import backend
from minilm.errors import MinilmError
from minilm.golden.description import Description, read
from minilm.golden.inputs import Inputs
from minilm.golden.judging import Group, Judge, Parting, load
from minilm.golden.names import role
from minilm.golden.report import check_text, parting_dict
from minilm.golden.states import states
from minilm.models.architectures import MODELS, build
from minilm.models.model import Model
from minilm.storage.tensor_file import TensorFile

__all__ = ["Check", "check"]

CODES = {"float64": "F64", "float32": "F32"}


@dataclass(frozen=True)
class Check:
    """What came out; prints as a table.

    Attributes
    ----------
    first : Parting or None
        The first tensor, in the order of computation, that this build computes otherwise.
    not_computed : list of str
        Tensors of the file that this build knows nothing of.
    """

    path: str
    recipe: str
    minilm: str
    dtype: str
    twin: str
    tolerance: float
    letters: dict[str, int]
    groups: dict[str, Group]
    first: Parting | None
    last_agreed: str | None
    n_tensors: int
    not_computed: list[str]

    @property
    def ok(self) -> bool:
        """Whether every tensor of the file came out the same."""
        return self.first is None and not self.not_computed

    def __str__(self) -> str:
        return check_text(self)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = {key: value for key, value in vars(self).items() if key not in ("groups", "first")}
        groups = {name: vars(group) for name, group in self.groups.items() if group.n_tensors}
        first = parting_dict(self.first) if self.first else None
        return {"ok": self.ok, **found, "groups": groups, "first": first}


def check(
    path: str | os.PathLike[str],
    *,
    twin: str | None = None,
    dtype: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Check:
    """Compute the states of a golden file anew and compare.

    Parameters
    ----------
    path : path
        A golden file; it may lack any of the tensors but inputs and parameters.
    twin : "reference" or "kernels", optional
        By default the one that is active.
    dtype : "float64" or "float32", optional
        To compute in; by default the file's own. In float32 the tolerance is 1e-5.
    progress : callable, optional
        Called after each tensor with its name and the share of all that are computed.

    Raises
    ------
    MinilmError
        If it is not a golden file, or not whole.
    """
    file = TensorFile(path)
    description = read(file)
    dtype = dtype or description.dtype
    with backend.using(twin) if twin else contextlib.nullcontext():
        try:
            model, inputs = _model(file, description, dtype), _inputs(file, dtype)
            inputs.check_fits(model)
            if inputs.n_batches < description.n_steps:
                raise MinilmError(f"{description.n_steps} steps, {inputs.n_batches} batches")
        except MinilmError as error:
            raise MinilmError(f"{path} cannot be computed anew: {error}") from None
        judge = Judge(file, description)
        optimizer, n_steps = description.recipe.optimizer, description.n_steps
        left = {name for name in file.names if role(name) not in ("input", "parameter")}
        n_left = max(1, len(left))
        for name, array in states(model, inputs, optimizer, n_steps):
            if progress:
                progress(name, 1 - len(left) / n_left)
            if name in left:
                left.remove(name)
                judge.hold(name, array, CODES[dtype])
        return Check(
            path=str(path),
            recipe=description.recipe.name,
            minilm=description.minilm,
            dtype=dtype,
            twin=backend.active(),
            tolerance=1e-9 if CODES[dtype] == "F64" == CODES[description.dtype] else 1e-5,
            letters=description.letters,
            groups=judge.groups,
            first=judge.first,
            last_agreed=judge.last_agreed,
            n_tensors=judge.n_tensors,
            not_computed=[name for name in description.tensors if name in left],
        )


def _model(file: TensorFile, description: Description, dtype: str) -> Model:
    """The model with the file's parameters, once all of them are known to fit."""
    config = description.recipe.model
    if config.n_layer > len(file.names):  # a layer has parameters: no need to count them
        raise MinilmError(f"model.n_layer = {config.n_layer} is more than its tensors allow")
    declared = MODELS[config.architecture].declare(config)
    for parameter in declared:
        name = f"parameter.{parameter.name}"
        if name not in file.names:
            raise MinilmError(f"it lacks {name}")
        if file.shape(name) != parameter.shape:
            raise MinilmError(
                f"{name} has the shape {file.shape(name)}, the recipe's model {parameter.shape}"
            )
    model = build(config, dtype=dtype, seed=None)
    for parameter in model.parameters:
        file.read(f"parameter.{parameter.name}", parameter.value)
    return model


def _inputs(file: TensorFile, dtype: str) -> Inputs:
    arrays = {}
    for name in file.names:
        if role(name) == "input":
            array = load(file, name)
            arrays[name.removeprefix("input.")] = (
                array.astype(dtype) if array.dtype.kind == "f" else array
            )
    return Inputs(arrays)
