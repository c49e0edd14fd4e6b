"""How far two arrays of the same meaning are apart, and where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MASKED",
    "TOLERANCES",
    "Difference",
    "apart",
    "difference",
    "largest",
    "leeway",
    "noise",
    "sizes",
]

# Of a tensor's scale, by the coarser of the two dtypes. Half precision rounds by 5e-4 (bfloat16:
# 4e-3) each time a number is stored.
TOLERANCES = {"F64": 1e-9, "F32": 1e-5, "F16": 1e-2, "BF16": 5e-2}
# Of the same dtypes, half the distance of 1 to the next number; and so many of them add up.
EPSILONS = {"F64": 2.0**-53, "F32": 2.0**-24, "F16": 2.0**-11, "BF16": 2.0**-8}
ROUNDINGS = 32
# What some programs write where others have -inf: its softmax is 0 too.
MASKED = -1e4


class Difference(NamedTuple):
    """The result for one tensor.

    Attributes
    ----------
    error : float
        The largest difference over `scale`; infinite where a number faces none.
    largest, scale : float
        The largest absolute difference; the largest finite absolute value of the first.
    n_apart, n_entries : int
        How many entries differ by more than the tolerance.
    place : tuple of int
        Of the largest difference, and
    a, b : float
        the two values there.
    """

    error: float
    largest: float
    scale: float
    n_apart: int
    n_entries: int
    place: tuple[int, ...]
    a: float
    b: float

    @property
    def parts(self) -> bool:
        """Whether any entry is further off than the tolerance."""
        return self.n_apart > 0


def sizes(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """|a - b| entry by entry; infinite where only one is a number.

    Equal infinities agree, so do two NaN, and -inf with a number below `MASKED`.

    Examples
    --------
    >>> sizes(np.array([1.0, -np.inf, -np.inf, np.nan]), np.array([3.0, -np.inf, -1e9, 1.0]))
    array([ 2.,  0.,  0., inf])
    """
    a, b = np.asarray(a), np.asarray(b)
    if _whole(a, b):
        return np.where(a == b, 0.0, np.maximum(1.0, np.abs(a.astype(float) - b.astype(float))))
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.abs(a - b)
    alike = (a == b) | (np.isnan(a) & np.isnan(b))
    alike |= (np.isneginf(a) & (b <= MASKED)) | (np.isneginf(b) & (a <= MASKED))
    return np.where(alike, 0.0, np.where(np.isnan(found), np.inf, found))


def difference(
    a: NDArray, b: NDArray, tolerance: float, slack: NDArray | None = None
) -> Difference:
    """Hold b against a, of the same shape.

    Parameters
    ----------
    a, b : ndarray of floats or integers
        Integers must be equal.
    tolerance : float
        Of the largest finite absolute value of `a`; of `b` where `a` is all zero.
    slack : ndarray, optional
        What is added to that scale, entry by entry (see `leeway`).

    Examples
    --------
    >>> found = difference(np.array([4.0, -2.0]), np.array([4.0, -2.2]), 1e-9)
    >>> found.n_apart, found.place, round(found.error, 3)
    (1, (1,), 0.05)
    """
    scale, found, relative = _relative(a, b, slack)
    if not found.size:
        return Difference(0.0, 0.0, scale, 0, 0, (), 0.0, 0.0)
    place = tuple(int(i) for i in np.unravel_index(np.argmax(relative), found.shape))
    return Difference(
        error=float(relative[place]),
        largest=float(found[place]),
        scale=scale,
        n_apart=int(np.count_nonzero(_beyond(a, b, relative, tolerance))),
        n_entries=found.size,
        place=place,
        a=float(a[place]),
        b=float(b[place]),
    )


def apart(
    a: NDArray, b: NDArray, tolerance: float, slack: NDArray | None = None
) -> NDArray[np.bool_]:
    """Which entries differ by more than the tolerance; the arguments are `difference`'s."""
    return _beyond(a, b, _relative(a, b, slack)[2], tolerance)


def _relative(
    a: NDArray, b: NDArray, slack: NDArray | None
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    scale = 1.0 if _whole(a, b) else largest(a) or largest(b)
    found = sizes(a, b)
    unit = scale if slack is None else scale + slack
    return scale, found, np.divide(found, unit, out=np.zeros_like(found), where=found > 0)


def _beyond(
    a: NDArray, b: NDArray, relative: NDArray[np.float64], tolerance: float
) -> NDArray[np.bool_]:
    return relative > (0 if _whole(a, b) else tolerance)


def _whole(a: NDArray, b: NDArray) -> bool:
    return a.dtype.kind in "iu" and b.dtype.kind in "iu"


def largest(array: NDArray) -> float:
    """The largest finite absolute value, 0 if there is none."""
    finite = np.abs(array, where=np.isfinite(array), out=np.zeros(array.shape))
    return float(np.max(finite, initial=0.0))


def noise(dtype: str, gradients: float) -> float:
    """What may be left of a gradient that is 0 in exact arithmetic.

    Parameters
    ----------
    dtype : str
        By safetensors' name.
    gradients : float
        The largest absolute value of all gradients, which the terms that cancel are made of.
    """
    return ROUNDINGS * EPSILONS.get(dtype, EPSILONS["F64"]) * gradients


def leeway(
    gradient: NDArray, rates: float, eps: float, tolerance: float, rounding: float = 0.0
) -> NDArray:
    """What Adam makes of a gradient's rounding, to be added to the scale of a parameter.

    Adam divides each gradient by its own size. So an entry whose gradient is nothing but
    rounding, as a key's bias in attention is, still moves by up to the learning rate, in a
    direction that no two programs share. A gradient g that is right to `tolerance` of its
    tensor's scale makes updates right to the share tolerance * scale / |g|, at most 1.

    Parameters
    ----------
    gradient : ndarray
        Of the first step, which stands for all.
    rates : float
        The sum of the learning rates so far.
    eps : float
        Adam's.
    rounding : float
        What a gradient may be off by in any case (`noise`).
    """
    off = tolerance * largest(gradient) + rounding
    return rates * np.minimum(1.0, off / (np.abs(gradient) + eps)) / tolerance
