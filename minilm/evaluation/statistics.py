r"""Means with their standard errors, where the independent units are documents.

Tokens of one document are alike: a document on a strange subject is strange throughout. So a
standard error over tokens, as if each were drawn alone, is too small, often by several
times. What was drawn alone is the document. With y_i the sum over document i (of losses, of
right answers) and x_i its size (tokens, bytes), the figure is a ratio of two sums:

    R = sum_i y_i / sum_i x_i

and both vary with the documents that happen to be there. To first order in their deviations

    R - E[R] = sum_i (y_i - R x_i) / sum_i x_i

whose terms are independent and add up to 0, so that with n documents

    SE(R)^2 = n / (n - 1) * sum_i (y_i - R x_i)^2 / (sum_i x_i)^2

With every x_i = 1 this is the usual standard error of a mean, s / sqrt(n).

Source: Cochran, "Sampling Techniques" (1977), section 6.3; for its use here, Miller, "Adding
Error Bars to Evals" (2024), section 2.2, clustered standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Estimate", "by_group", "mean", "ratio"]

# Of a normal distribution, 95 % lie within so many standard deviations.
NORMAL_95 = 1.959964


class Estimate(NamedTuple):
    """A figure and its standard error, NaN where fewer than two units were drawn."""

    value: float
    error: float

    def scaled(self, factor: float) -> Estimate:
        """In another unit."""
        return Estimate(self.value * factor, self.error * abs(factor))

    def exp(self) -> Estimate:
        """e to the power of it; the error to first order, e^value * error."""
        value = math.exp(self.value) if self.value < 700 else math.inf
        return Estimate(value, value * self.error)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval, as if errors were normal."""
        reach = NORMAL_95 * self.error
        return self.value - reach, self.value + reach


def ratio(sums: ArrayLike, sizes: ArrayLike) -> Estimate:
    """The ratio of two sums over independent units.

    Parameters
    ----------
    sums, sizes : (n,)
        Of each unit; sizes add up to more than 0.

    Examples
    --------
    Two documents, of losses 1 and 3 on average: the longer one counts for more.

    >>> ratio([10.0, 90.0], [10, 30])
    Estimate(value=2.5, error=0.75)
    """
    y, x = np.asarray(sums, np.float64), np.asarray(sizes, np.float64)
    n, total = len(y), float(x.sum())
    if total <= 0:
        return Estimate(math.nan, math.nan)
    value = float(y.sum()) / total
    if n < 2:
        return Estimate(value, math.nan)
    spread = float(np.sum((y - value * x) ** 2))
    return Estimate(value, math.sqrt(n / (n - 1) * spread) / total)


def mean(values: ArrayLike) -> Estimate:
    """The mean of values that were drawn independently.

    Examples
    --------
    >>> mean([1, 1, 0, 0]).value, round(mean([1, 1, 0, 0]).error, 4)
    (0.5, 0.2887)
    """
    values = np.asarray(values, np.float64)
    return ratio(values, np.ones(len(values)))


def by_group(values: ArrayLike, groups: Sequence[str]) -> Estimate:
    """The mean of values, where those of one group were not drawn independently.

    Examples
    --------
    >>> by_group([1, 1, 0, 0], ["a", "a", "b", "b"])
    Estimate(value=0.5, error=0.5)
    """
    values = np.asarray(values, np.float64)
    _, which = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    counts: NDArray = np.bincount(which)
    return ratio(np.bincount(which, values), counts)
