"""The result of a gradient check: a row for each argument, printed as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALLEST_SCALE", "Report", "Row", "compare", "table"]

# A gradient much smaller than the value drowns in the rounding of the value, and one that
# is exactly zero has no scale of its own. Both are measured against this share of the value.
SMALLEST_SCALE = 1e-3


@dataclass(frozen=True)
class Row:
    """What was found for one argument.

    `error` is max|analytic - numeric| / scale, infinite if the two cannot be compared;
    `largest` is max|numeric|, to see that a gradient does not vanish; `problem` is empty
    if all is well.
    """

    argument: str
    shape: tuple[int, ...]
    error: float
    largest: float = 0.0
    problem: str = ""
    case: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with this argument."""
        return not self.problem


@dataclass(frozen=True)
class Report:
    """The rows of a check; prints as a table."""

    rows: list[Row]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with any argument."""
        return all(row.ok for row in self.rows)

    @property
    def worst(self) -> float:
        """The largest relative error; infinite if something could not be compared."""
        return max((row.error for row in self.rows), default=0.0)

    def __str__(self) -> str:
        return table(self.rows)


def table(rows: Iterable[Row]) -> str:
    """The rows as text, aligned in columns.

    Examples
    --------
    >>> print(table([Row("x", (2, 3), 3e-12, 1.5), Row("weight", (3,), np.inf, 1.0, "is None")]))
    argument  shape   largest    error
    x         (2, 3)      1.5  3.0e-12  ok
    weight    (3,)          1      inf  FAILED: is None
    """
    rows = list(rows)
    lines = [["case", "argument", "shape", "largest", "error", ""]]
    for row in rows:
        verdict = "ok" if row.ok else f"FAILED: {row.problem}"
        figures = [f"{row.largest:.3g}", f"{row.error:.1e}" if np.isfinite(row.error) else "inf"]
        lines.append([row.case, row.argument, str(row.shape), *figures, verdict])
    if not any(row.case for row in rows):
        lines = [line[1:] for line in lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    figures_from, figures_to = len(widths) - 3, len(widths) - 1
    text = []
    for line in lines:
        cells = [
            cell.rjust(width) if figures_from <= column < figures_to else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    return "\n".join(text)


def compare(
    argument: str, gradient: Any, numeric: NDArray, smallest: float, tolerance: float
) -> Row:
    """Hold what backward returned for one argument against the difference quotients.

    The error is relative to the largest number of either, or to `smallest`.
    """
    largest = float(np.max(np.abs(numeric), initial=0.0))
    broken = Row(argument, numeric.shape, np.inf, largest)
    if gradient is None:
        return replace(broken, problem="backward returned None for it")
    gradient = np.asarray(gradient)
    if gradient.shape != numeric.shape:
        return replace(broken, problem=f"the gradient has shape {gradient.shape}")
    if gradient.dtype != np.float64:
        return replace(broken, problem=f"the gradient has dtype {gradient.dtype}, not float64")
    for kind, array in (("gradient", gradient), ("difference quotient", numeric)):
        if not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0].tolist()
            return replace(broken, problem=f"the {kind} is {array[tuple(place)]} at {place}")

    difference = np.abs(gradient - numeric)
    scale = max(largest, float(np.max(np.abs(gradient), initial=0.0)), smallest)
    error = float(np.max(difference, initial=0.0)) / scale if scale else 0.0
    row = Row(argument, numeric.shape, error, largest)
    if error <= tolerance:
        return row
    at = np.unravel_index(np.argmax(difference), difference.shape)
    where = f" at {[int(i) for i in at]}" if at else ""
    said = f"backward says {gradient[at]:.6g}, the difference quotient {numeric[at]:.6g}"
    return replace(row, problem=f"{said}{where}")
