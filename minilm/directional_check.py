"""Check the gradient of a whole model along random directions.

One number at a time would take four forward passes for each parameter. Along a random
direction, four passes test all parameters at once, and a term that is wrong anywhere
shows, since a random direction is hardly ever perpendicular to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.errors import MinilmError
from minilm.gradient_report import SMALLEST_SCALE, Report, compare

__all__ = ["directional_check"]


def directional_check(
    loss: Callable[[], float],
    values: NDArray,
    gradient: NDArray,
    *,
    n_directions: int = 4,
    seed: int = 0,
    parts: Mapping[str, slice] | None = None,
    step: float = 2.0**-13,
    tolerance: float = 1e-7,
) -> Report:
    """Check the gradient of a whole model along random directions.

    The slope along direction d is gradient . d by the backward pass, and a difference
    quotient of loss(values + h d) by the forward pass. The error is relative to the length
    of the gradient, which is what a random slope is of the size of.

    Parameters
    ----------
    loss : the loss for the current content of `values`, as a pure function of it
    values : float64 (N,), all parameters; changed during the check, restored exactly after
    gradient : (N,)
    n_directions : how many directions to try in each part
    seed : of the directions
    parts : name -> range of `values` to vary alone, to learn which parameter is wrong;
        everything at once if not given
    step : h; the direction's entries are normal with variance 1
    tolerance : of the relative error

    Raises
    ------
    MinilmError
        If `values` is not a float64 vector or `gradient` not of its shape.

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 3.0])
    >>> directional_check(lambda: float(np.sum(values**3)), values, 3 * values**2).ok
    True
    """
    if values.dtype != np.float64 or values.ndim != 1 or gradient.shape != values.shape:
        raise MinilmError(
            "directional_check needs float64 values (N,) and a gradient (N,), not "
            f"{values.dtype} {values.shape} and {gradient.shape}"
        )
    original = values.copy()
    generator = rng.generator(seed, 0, "directions")

    def moved(distance: float, direction: NDArray) -> float:
        np.add(original, distance * direction, out=values)
        return float(loss())

    rows = []
    smallest = SMALLEST_SCALE * abs(float(loss()))
    try:
        for name, part in (parts or {"all": slice(None)}).items():
            length = float(np.linalg.norm(gradient[part]))
            for number in range(1, n_directions + 1):
                direction = np.zeros_like(values)
                direction[part] = generator.standard_normal(direction[part].shape)
                slopes = [moved(h, direction) - moved(-h, direction) for h in (step, 2 * step)]
                numeric = np.array((8 * slopes[0] - slopes[1]) / (12 * step))
                analytic = np.array(gradient @ direction)
                row = compare(name, analytic, numeric, max(length, smallest), tolerance)
                shape = original[part].shape
                rows.append(replace(row, shape=shape, case=f"direction {number}"))
    finally:
        values[...] = original
    return Report(rows)
