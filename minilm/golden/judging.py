"""One golden file against the same tensors from elsewhere, one tensor after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from minilm.golden.description import Description
from minilm.golden.difference import (
    TOLERANCES,
    Difference,
    apart,
    difference,
    largest,
    leeway,
    noise,
)
from minilm.golden.hints import hints, whereabouts
from minilm.golden.names import role, step_of
from minilm.storage.tensor_file import FLOATS, TensorFile

__all__ = ["GROUPS", "Group", "Judge", "Parting", "load"]

# How tensors are summed up, in the order of computation.
GROUPS = (
    "inputs",
    "parameters",
    "intermediates",
    "gradients",
    "losses, norms, rates",
    "parameters after steps",
)
# How many tensors of the same shape are tried, to explain the first that differs.
OTHERS = 60


@dataclass(frozen=True)
class Parting:
    """A tensor that is not the same in both.

    Attributes
    ----------
    axes : list of str
        Of A's tensor, in letters.
    difference : Difference or None
        None if the shapes differ.
    where : str
        In which part of the axes they differ, if not in all.
    hints : list of str
        What relates the two; filled in for the first tensor only.
    number : int
        Its place among the tensors compared, from 1.
    """

    name: str
    axes: list[str]
    shape_a: tuple[int, ...]
    shape_b: tuple[int, ...]
    tolerance: float
    number: int
    difference: Difference | None = None
    where: str = ""
    hints: list[str] = field(default_factory=list)


@dataclass
class Group:
    """Of the tensors of one kind, how many were compared, and the worst."""

    n_tensors: int = 0
    n_parted: int = 0
    error: float = 0.0
    name: str = ""


def load(file: TensorFile, name: str) -> NDArray:
    """A tensor as float64, or int64 if it holds integers."""
    array = np.empty(file.shape(name), np.float64 if file.dtype(name) in FLOATS else np.int64)
    file.read(name, array)
    return array


class Judge:
    """Collects what is found.

    Parameters
    ----------
    file : TensorFile
        A golden file, A.
    description : Description
        Its own.
    tolerance : float, optional
        Of each tensor's scale; by default `TOLERANCES` of the coarser dtype.

    Attributes
    ----------
    n_tensors : int
        Compared so far.
    gradients : float
        The largest absolute value of the gradients compared so far.
    agreed, parted : list of str, list of Parting
    last_agreed : str or None
        The last that agreed before the first that did not.
    groups : dict of str to Group
    """

    def __init__(
        self, file: TensorFile, description: Description, tolerance: float | None = None
    ) -> None:
        self.file = file
        self.description = description
        self.tolerance = tolerance
        self.n_tensors = 0
        self.gradients = 0.0
        self.agreed: list[str] = []
        self.last_agreed: str | None = None
        self.parted: list[Parting] = []
        self.groups = {name: Group() for name in GROUPS}

    def hold(self, name: str, b: NDArray, dtype: str) -> None:
        """Hold b, of a safetensors dtype, against A's tensor of that name."""
        self.n_tensors += 1
        a = load(self.file, name)
        dtypes = (self.file.dtype(name), dtype)
        tolerance = self._tolerance(name, dtypes)
        axes = self.description.tensors[name].shape
        if a.shape != b.shape:
            self._count(name, np.inf, parts=True)
            why = self._why(name, a, b, tolerance)
            shapes = (a.shape, b.shape)
            self.parted.append(Parting(name, axes, *shapes, tolerance, self.n_tensors, hints=why))
            return
        if role(name) == "gradient":
            self.gradients = max(self.gradients, largest(a))
            rounding = max(noise(each, self.gradients) for each in dtypes)
            if largest(a) <= rounding and (np.abs(b) <= rounding).all():
                a = b  # 0 in exact arithmetic, and rounding in both
        slack = self._slack(name, dtypes, tolerance)
        found = difference(a, b, tolerance, slack)
        self._count(name, found.error, parts=found.parts)
        if not found.parts:
            self.agreed.append(name)
            if not self.parted:
                self.last_agreed = name
            return
        where = whereabouts(apart(a, b, tolerance, slack), axes)
        why = self._why(name, a, b, tolerance)
        shapes = (a.shape, b.shape)
        self.parted.append(
            Parting(name, axes, *shapes, tolerance, self.n_tensors, found, where, why)
        )

    def _why(self, name: str, a: NDArray, b: NDArray, tolerance: float) -> list[str]:
        """Hints at the reason: for the first difference, which the others may follow from."""
        if self.parted:
            return []
        letters, axes = self.description.letters, self.description.tensors[name].shape
        return hints(a, b, axes, letters, tolerance, self._others(name, a.shape))

    def _tolerance(self, name: str, dtypes: tuple[str, str]) -> float:
        """Of this tensor's scale; what is off by rounding in each of n steps is off n times."""
        tolerance = self.tolerance
        if tolerance is None:
            tolerance = max(TOLERANCES.get(each, TOLERANCES["F64"]) for each in dtypes)
        return tolerance * max(1, step_of(name))

    @property
    def first(self) -> Parting | None:
        """The first that differs."""
        return self.parted[0] if self.parted else None

    def _count(self, name: str, error: float, *, parts: bool) -> None:
        group = self.groups[_group(name)]
        group.n_tensors += 1
        group.n_parted += parts
        if error >= group.error:
            group.error, group.name = float(error), name

    def _slack(self, name: str, dtypes: tuple[str, str], tolerance: float) -> NDArray | None:
        """See `leeway`: only parameters after steps have any."""
        step = step_of(name)
        gradient = f"gradient.{name.removeprefix(f'step.{step}.')}"
        if not step or ".parameter." not in name or gradient not in self.file.names:
            return None
        if self.file.shape(gradient) != self.file.shape(name):
            return None
        rates = [f"step.{i}.learning_rate" for i in range(1, step + 1)]
        if not all(rate in self.file.names for rate in rates):
            return None
        eps = self.description.recipe.optimizer.eps
        total = sum(float(load(self.file, rate).sum()) for rate in rates)
        rounding = max(noise(each, self.gradients) for each in dtypes)
        return leeway(load(self.file, gradient), total, eps, tolerance, rounding)

    def _others(self, name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, NDArray]]:
        """Tensors of A of the same role and shape, those before it first, the nearest first."""
        names = [each for each in self.description.tensors if role(each) == role(name)]
        at = names.index(name)
        near = itertools.chain(reversed(names[:at]), names[at + 1 :])
        alike = (each for each in near if self.file.shape(each) == shape)
        for each in itertools.islice(alike, OTHERS):
            yield each, load(self.file, each)


def _group(name: str) -> str:
    kind = role(name)
    if kind in ("loss", "step"):
        return GROUPS[5] if ".parameter." in name else GROUPS[4]
    return {"input": GROUPS[0], "parameter": GROUPS[1], "value": GROUPS[2]}.get(kind, GROUPS[3])
