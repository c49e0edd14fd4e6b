"""The results as text for people, and as dictionaries for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minilm.golden.hints import place
from minilm.golden.judging import Group, Parting
from minilm.storage.tensor_header import shortened

if TYPE_CHECKING:
    from minilm.golden.checking import Check
    from minilm.golden.comparison import Comparison

__all__ = ["check_text", "comparison_text", "parting_dict", "parting_line", "parting_text"]

NAMED = 3  # of a list of names; the rest are counted


def parting_text(parting: Parting, letters: Mapping[str, int]) -> str:
    """The size and the place of a difference, line by line."""
    found = parting.difference
    lines = [("shape", shape(parting.axes, parting.shape_a))]
    if found is None:
        lines = [("shape in A", lines[0][1]), ("shape in B", str(parting.shape_b))]
    else:
        lines += [
            ("apart", f"{found.n_apart:,} of {found.n_entries:,} entries"),
            ("only in", parting.where),
            ("most", f"{found.largest:.4g}, {_share(found.error)}"),
            ("where", place(found.place, parting.axes, letters)),
            ("A there", f"{found.a:.10g}"),
            ("B there", f"{found.b:.10g}"),
        ]
    lines += [("hint", hint) for hint in parting.hints]
    return "\n".join(f"  {label:10}  {text}" for label, text in lines if text)


def _share(error: float) -> str:
    if math.isinf(error):
        return "where only one of them is a number"
    return f"{error:.2g} of the largest number in A"


def shape(axes: list[str], sizes: tuple[int, ...]) -> str:
    """Letters and numbers.

    Examples
    --------
    >>> shape(["B", "T"], (3, 24)), shape([], ())
    ('(B, T) = (3, 24)', 'a number')
    """
    if not sizes:
        return "a number"
    return f"({', '.join(axes)}{',' * (len(axes) == 1)}) = {sizes}"


def parting_line(parting: Parting) -> str:
    """One line of a list of all that differ."""
    found = parting.difference
    if found is None:
        return f"{shortened(parting.name)}  {parting.shape_a} against {parting.shape_b}"
    share = f"{found.n_apart:,} of {found.n_entries:,}"
    return f"{found.error:8.1e}  {share:>22}  {shortened(parting.name)}"


def parting_dict(parting: Parting) -> dict[str, Any]:
    """For JSON, which knows no infinity: numbers that are not finite become words."""
    found = {**vars(parting)}
    difference = found.pop("difference")
    if difference is not None:
        found |= {
            key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in difference._asdict().items()
        }
    return found


def _names(names: list[str]) -> str:
    shown = ", ".join(shortened(name) for name in names[:NAMED])
    return f"{shown}, ..." if len(names) > NAMED else shown


def _tensors(count: int) -> str:
    return f"{count:,} tensor{'s' if count != 1 else ''}"


def table(groups: Mapping[str, Group]) -> str:
    """Of each kind of tensor the largest relative error, and in which."""
    lines = [f"  {'':22} {'tensors':>7}  {'error':>7}  largest in"]
    for name, group in groups.items():
        if group.n_tensors:
            failed = "FAILED " if group.n_parted else ""
            lines.append(
                f"  {name:22} {group.n_tensors:7,}  {group.error:7.1e}  "
                f"{failed}{shortened(group.name)}"
            )
    return "\n".join(lines)


def comparison_text(found: Comparison) -> str:
    """The report of `compare`."""
    lines = [
        f"A  {found.a}: {found.recipe or 'a model'} in {found.dtype}, by minilm {found.minilm}",
        f"B  {found.b}: {_tensors(found.n_tensors)} in common with A",
    ]
    if found.only_a:
        lines.append(f"   {_tensors(len(found.only_a))} only in A: {_names(found.only_a)}")
    if found.only_b:
        lines.append(f"   {_tensors(len(found.only_b))} only in B: {_names(found.only_b)}")
    first = found.first
    if first is None:
        return "\n".join(
            [*lines, "", table(found.groups), "", "no tensor differs by more than the tolerance"]
        )
    lines += [
        "",
        f"They part at {first.name},",
        f"number {first.number} of {found.n_tensors} in the order of computation:",
        "",
        parting_text(first, found.letters),
        "",
    ]
    if found.last_agreed is None:
        lines.append("It is the first that was compared.")
    else:
        lines.append(f"The last before it, {found.last_agreed}, agrees to {first.tolerance:g}.")
    return "\n".join(lines)


def check_text(found: Check) -> str:
    """The report of `check`."""
    lines = [
        f"{found.path}: {found.recipe or 'a model'}, by minilm {found.minilm}; "
        f"computed anew in {found.dtype} by {found.twin}",
        "",
        table(found.groups),
        "",
    ]
    if found.not_computed:
        lines.append(f"FAILED: this build has no {_names(found.not_computed)}")
    if found.first is not None:
        lines += [
            f"FAILED: the first to differ, in the order of computation, is {found.first.name}",
            "",
            parting_text(found.first, found.letters),
        ]
    if found.ok:
        lines.append(
            f"all within {found.tolerance:g} of each tensor's scale (n times that after n steps)"
        )
    return "\n".join(lines)
