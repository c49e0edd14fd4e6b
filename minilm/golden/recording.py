"""Writing a golden file: what it will hold is known before anything is computed.

The shapes of all intermediates are worked out first (`minilm.golden.shapes`). So names and sizes
stand in the file's header, the room on the disk is checked, and then each number is written when it
is computed: of the steps' parameters there is one copy.
"""

from __future__ import annotations

import functools
import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import minilm
from minilm import backend, machine
from minilm.errors import MinilmError
from minilm.golden import description
from minilm.golden.description import Description, Tensor, to_metadata
from minilm.golden.inputs import KINDS, Inputs
from minilm.golden.names import axes, backward_order, letters, role, step_names
from minilm.golden.shapes import shapes_of_values
from minilm.golden.states import copied, squeezed, states
from minilm.models.model import Model
from minilm.objectives.config import NoObjective
from minilm.recipes.recipe import Recipe
from minilm.storage.tensor_file import TensorFile
from minilm.storage.tensor_write import Lazy, write

__all__ = ["Planned", "Recording", "record"]

DEFAULT_BATCH = 3
DEFAULT_POSITIONS = 24


class Planned(NamedTuple):
    """A tensor before it is computed."""

    shape: tuple[int, ...]
    dtype: str
    described: Tensor

    @property
    def n_bytes(self) -> int:
        """Bytes in the file."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Recording:
    """Golden states that are to be written.

    Parameters
    ----------
    model : Model
        Stays as it is: a copy is trained.
    recipe : Recipe, optional
        Its optimiser and schedule are used; by default those of ``Recipe()``.
    inputs : Inputs, optional
        By default drawn: 3 sequences of up to 24 tokens for each step. Unequal sizes keep
        swapped axes from going unseen.
    n_steps : int
        Of the optimiser; 0 writes the first forward and backward pass only.
    dtype : "float64" or "float32", optional
        To compute in; by default the model's own.

    Attributes
    ----------
    tensors : dict of str to Planned
        In the order of computation.

    Raises
    ------
    MinilmError
        If the model cannot take the inputs, or the memory will not do.
    """

    def __init__(
        self,
        model: Model,
        *,
        recipe: Recipe | None = None,
        inputs: Inputs | None = None,
        n_steps: int = 10,
        dtype: str | None = None,
    ) -> None:
        self.dtype = dtype or model.parameters.values.dtype.name
        recipe = recipe or Recipe(objective=NoObjective())
        self.inputs = inputs or Inputs.drawn(
            model,
            n_batches=max(1, n_steps),
            batch_size=DEFAULT_BATCH,
            positions=min(DEFAULT_POSITIONS, model.config.block_size),
            seed=recipe.seed,
        )
        self.inputs.check_fits(model)
        if self.inputs.n_batches < max(1, n_steps):
            raise MinilmError(f"{n_steps} steps need as many batches; input has fewer")
        self.n_steps = n_steps
        self.recipe = _as_run(recipe, model, self.inputs, n_steps)
        self.letters = letters(model.config, self.inputs.batch_size, self.inputs.positions)
        self._model = model
        self.tensors = self._plan()
        self._refuse_what_cannot_fit()

    def _plan(self) -> dict[str, Planned]:
        names = [p.name for p in self._model.parameters]
        shapes: dict[str, tuple[int, ...]] = {
            f"parameter.{p.name}": p.shape for p in self._model.parameters
        }
        values = shapes_of_values(self._model, self.inputs)
        shapes |= {f"value.{name}": shape for name, shape in values.items()}
        dtypes = {}
        found = {}
        for name, array in self.inputs.arrays.items():
            found[f"input.{name}"] = array.shape
            dtypes[f"input.{name}"] = KINDS[name] or self.dtype
        found |= shapes | {"loss": ()}
        for name in backward_order(list(values), names):
            found[name] = shapes[name.removeprefix("gradient.")]
        for step in range(1, self.n_steps + 1):
            for name in step_names(step, names):
                found[name] = shapes.get(name.removeprefix(f"step.{step}."), ())
        decaying = {f"parameter.{p.name}" for p in self._model.parameters if p.decay}
        return {
            name: Planned(
                shape,
                dtypes.get(name, self.dtype),
                Tensor(axes(name, shape, self.letters), name in decaying),
            )
            for name, shape in found.items()
        }

    @property
    def n_bytes(self) -> int:
        """Bytes that the file's tensors will take."""
        return sum(planned.n_bytes for planned in self.tensors.values())

    def groups(self) -> dict[str, tuple[int, int]]:
        """Role -> number of tensors, bytes."""
        found: dict[str, tuple[int, int]] = {}
        for name, planned in self.tensors.items():
            count, n_bytes = found.get(role(name), (0, 0))
            found[role(name)] = (count + 1, n_bytes + planned.n_bytes)
        return found

    def _refuse_what_cannot_fit(self) -> None:
        groups = self.groups()
        # Of the copy: values, gradients, two moments, and as much again while the reference's
        # AdamW computes. Every intermediate as the taps keep it, as the backward pass does, its
        # gradient, and what one layer's backward holds beside.
        needed = 8 * groups["parameter"][1] + 4 * groups["value"][1]
        free = machine.available_bytes()
        if needed > free:
            raise MinilmError(
                f"these states need about {needed / 2**30:.1f} GiB of memory and "
                f"{free / 2**30:.1f} GiB are free: lower --batch-size or --positions, or "
                "take float32"
            )

    def check_room(self, path: str | os.PathLike[str]) -> None:
        """Raise MinilmError if the disk lacks room, or another file would be overwritten."""
        path = Path(path)
        if path.exists():
            try:
                description.read(TensorFile(path))
            except MinilmError:
                raise MinilmError(
                    f"{path} exists and is not a golden file; choose another --out"
                ) from None
        if not path.parent.is_dir():
            raise MinilmError(f"no folder {path.parent}; make it first")
        free = shutil.disk_usage(path.parent).free
        # The header is small beside the tensors, but there may be thousands of them.
        needed = self.n_bytes + 1000 * len(self.tensors)
        if needed > free:
            raise MinilmError(
                f"{path} needs {needed / 1e9:.3g} GB and the disk has {free / 1e9:.3g} GB free: "
                "lower --steps, --batch-size or --positions, or take float32"
            )

    def write(
        self, path: str | os.PathLike[str], progress: Callable[[str, float], None] | None = None
    ) -> None:
        """Compute and write; the file appears under its name when it is whole.

        Parameters
        ----------
        path : path
        progress : callable, optional
            Called before each tensor is computed, with its name and the share of the file's
            bytes that come before it.

        Raises
        ------
        MinilmError
            If the disk lacks room, the file cannot be written, or the steps diverge.
        """
        self.check_room(path)
        model = copied(self._model, self.dtype)
        computed = states(model, self.inputs, self.recipe.optimizer, self.n_steps)

        def asked_for(name: str, share: float) -> NDArray:
            if progress:
                progress(name, share)
            return _next(name, computed)

        entries: dict[str, NDArray | Lazy] = {}
        done = 0
        for name, planned in self.tensors.items():
            if role(name) == "input":
                array = self.inputs.arrays[name.removeprefix("input.")]
                entries[name] = array.astype(planned.dtype)
            else:
                make = functools.partial(asked_for, name, done / self.n_bytes)
                entries[name] = Lazy(planned.shape, planned.dtype, make)
            done += planned.n_bytes
        write(path, entries, to_metadata(self.described()))

    def described(self) -> Description:
        """What the file will say about itself."""
        return Description(
            recipe=self.recipe,
            dtype=self.dtype,
            n_steps=self.n_steps,
            letters=self.letters,
            tensors={name: planned.described for name, planned in self.tensors.items()},
            loss="wanted" if "wanted" in self.inputs.arrays else "targets",
            minilm=minilm.__version__,
            twin=backend.active(),
        )


def _next(name: str, computed: Iterator[tuple[str, NDArray]]) -> NDArray:
    """One tensor from the stream; the file asks in the order in which it was planned."""
    found, array = next(computed)
    if found != name:
        raise RuntimeError(f"{found} was computed where {name} was planned")
    return array


def record(
    model: Model,
    path: str | os.PathLike[str],
    *,
    recipe: Recipe | None = None,
    inputs: Inputs | None = None,
    n_steps: int = 10,
    dtype: str | None = None,
) -> Recording:
    """Write the golden states of a model; the arguments are those of `Recording`.

    Examples
    --------
    >>> import tempfile
    >>> from minilm import GPT, GPTConfig, golden
    >>> model = GPT(GPTConfig(vocab_size=7, block_size=8, n_layer=1, n_head=2, n_embd=4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = golden.record(model, f"{folder}/a.safetensors", n_steps=1)
    >>> list(written.tensors)[-1]
    'step.1.parameter.final_norm.bias'
    """
    recording = Recording(model, recipe=recipe, inputs=inputs, n_steps=n_steps, dtype=dtype)
    recording.write(path)
    return recording


def _as_run(recipe: Recipe, model: Model, inputs: Inputs, n_steps: int) -> Recipe:
    """The recipe with what is different in these steps; no path of this machine."""
    steps = max(1, n_steps)
    return replace(
        recipe,
        data=replace(recipe.data, source=Path(recipe.data.source).name),
        model=model.config.changed(dropout=0.0),
        optimizer=squeezed(recipe.optimizer, recipe.training.steps, steps),
        training=replace(
            recipe.training, steps=steps, batch_size=inputs.batch_size, accumulation=1, minutes=0.0
        ),
    )
