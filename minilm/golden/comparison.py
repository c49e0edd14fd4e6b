"""Two files of states: which tensor is the first, in the order of computation, to differ."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from minilm.errors import MinilmError
from minilm.golden.description import read
from minilm.golden.judging import Group, Judge, Parting, load
from minilm.golden.report import comparison_text, parting_dict
from minilm.storage.tensor_file import TensorFile

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """What came out; prints as a report.

    Attributes
    ----------
    n_tensors : int
        Of those that both have.
    only_a, only_b : list of str
        Tensors that the other lacks.
    first : Parting or None
        The first tensor that differs, with hints at the reason.
    last_agreed : str or None
        The last one before it that did not.
    parted : list of Parting
        All that differ.
    """

    a: str
    b: str
    recipe: str
    dtype: str
    minilm: str
    letters: dict[str, int]
    n_tensors: int
    only_a: list[str]
    only_b: list[str]
    groups: dict[str, Group]
    first: Parting | None
    last_agreed: str | None
    parted: list[Parting]

    @property
    def alike(self) -> bool:
        """Whether no tensor differs."""
        return self.first is None

    def __str__(self) -> str:
        return comparison_text(self)

    def to_dict(self, *, everything: bool = False) -> dict[str, Any]:
        """For JSON; `everything` has all that differ and not only the first."""
        apart = ("groups", "first", "parted")
        found = {key: value for key, value in vars(self).items() if key not in apart}
        groups = {name: vars(group) for name, group in self.groups.items() if group.n_tensors}
        first = parting_dict(self.first) if self.first else None
        result = {"alike": self.alike, **found, "groups": groups, "first": first}
        if everything:
            result["parted"] = [parting_dict(each) for each in self.parted]
        return result


def compare(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    tolerance: float | None = None,
) -> Comparison:
    """Hold a file B against a golden file A.

    Parameters
    ----------
    a : path
        A golden file, whose description gives the order.
    b : path
        Another, or any safetensors file with some of its names.
    tolerance : float, optional
        Of each tensor's largest absolute value. By default 1e-9, 1e-5 where one of the two
        holds float32, 1e-2 for float16 and 5e-2 for bfloat16.

    Raises
    ------
    MinilmError
        If a file cannot be read, A is no golden file, or they have no name in common.
    """
    file_a, file_b = TensorFile(a), TensorFile(b)
    description = read(file_a)
    common = [name for name in description.tensors if name in file_b.names]
    if not common:
        example = next(iter(description.tensors), "")
        raise MinilmError(
            f"{b} has no tensor of a name that {a} has, such as {example}: "
            "name them as its description lists them"
        )
    judge = Judge(file_a, description, tolerance)
    for name in common:
        judge.hold(name, load(file_b, name), file_b.dtype(name))
    return Comparison(
        a=str(a),
        b=str(b),
        recipe=description.recipe.name,
        dtype=description.dtype,
        minilm=description.minilm,
        letters=description.letters,
        n_tensors=len(common),
        only_a=[name for name in description.tensors if name not in file_b.names],
        only_b=[name for name in file_b.names if name not in file_a.names],
        groups=judge.groups,
        first=judge.first,
        last_agreed=judge.last_agreed,
        parted=judge.parted,
    )
