"""How well a classifier does: the confusion matrix, and what follows from it, with intervals.

    accuracy    texts whose label was found / all texts
    precision   of the texts given a label, the share that has it
    recall      of the texts that have a label, the share given it
    F1          their harmonic mean, 2 TP / (2 TP + FP + FN); macro: the mean over the labels

A label that no text has and none was given has no F1 and no part in the mean.

An accuracy is a share of n independent trials: Wilson's interval, which stays within 0 and 1
and holds for small n. F1 is no mean over texts: its interval comes from the bootstrap, which
draws n of the n texts with replacement and looks between which values 95 % of the F1s lie.

Sources: Wilson, "Probable Inference" (1927), equation 5; Efron and Tibshirani, "An
Introduction to the Bootstrap" (1993), section 13.3, the percentile interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minilm import rng
from minilm.evaluation.statistics import NORMAL_95

__all__ = ["Scores", "bootstrap_f1", "confusion_matrix", "f1_by_class", "macro_f1", "wilson"]

DRAWS = 1000


@dataclass(frozen=True)
class Scores:
    """What a classifier reached on texts with known labels.

    Attributes
    ----------
    n : int
        Texts.
    accuracy, f1 : float
        Shares; F1 is the macro mean.
    accuracy_interval, f1_interval : (float, float)
        95 % confidence.
    confusion : ndarray (K, K) of int
        Row: the label a text has; column: the one it was given.
    """

    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    f1: float
    f1_interval: tuple[float, float]
    confusion: NDArray

    @classmethod
    def of(cls, labels: ArrayLike, predicted: ArrayLike, n_class: int, *, seed: int = 0) -> Scores:
        """Compare labels with predictions, both (N,) from 0 to K - 1.

        Examples
        --------
        >>> scores = Scores.of([0, 0, 1, 1], [0, 1, 1, 1], 2)
        >>> scores.accuracy, round(scores.f1, 4), scores.confusion.tolist()
        (0.75, 0.7333, [[1, 1], [0, 2]])
        """
        matrix = confusion_matrix(labels, predicted, n_class)
        n, right = int(matrix.sum()), int(np.trace(matrix))
        return cls(
            n,
            right / n,
            wilson(right, n),
            _macro(matrix),
            bootstrap_f1(labels, predicted, n_class, seed=seed),
            matrix,
        )

    def to_dict(self) -> dict[str, Any]:
        """In JSON's types."""
        return {**vars(self), "confusion": self.confusion.tolist()}


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, n_class: int) -> NDArray:
    """(K, K): how many texts of each label (row) were given which (column).

    Examples
    --------
    >>> confusion_matrix([0, 1, 1], [1, 1, 0], 2).tolist()
    [[0, 1], [1, 1]]
    """
    cells = np.asarray(labels) * n_class + np.asarray(predicted)
    return np.bincount(cells, minlength=n_class * n_class).reshape(n_class, n_class)


def f1_by_class(confusion: NDArray) -> NDArray:
    """F1 of each class (..., K) from confusion matrices (..., K, K); NaN where there is none.

    Examples
    --------
    >>> f1_by_class(np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]])).round(3).tolist()
    [0.667, 0.8, nan]
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    both = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    return np.where(both > 0, 2 * hits / np.maximum(both, 1), np.nan)


def macro_f1(labels: ArrayLike, predicted: ArrayLike, n_class: int) -> float:
    """The mean of the classes' F1."""
    return _macro(confusion_matrix(labels, predicted, n_class))


def _macro(confusion: NDArray) -> float:
    return float(np.nanmean(f1_by_class(confusion)))


def wilson(right: int, n: int, z: float = NORMAL_95) -> tuple[float, float]:
    """The interval of a share: `right` of `n`, with `z` standard deviations to either side.

    Examples
    --------
    >>> tuple(round(end, 4) for end in wilson(8, 10))
    (0.4902, 0.9433)
    """
    share = right / n
    middle = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At a share of 0 or 1 one end is exact, but for rounding.
    low = 0.0 if right == 0 else (middle - reach) / (1 + z * z / n)
    high = 1.0 if right == n else (middle + reach) / (1 + z * z / n)
    return low, high


def bootstrap_f1(
    labels: ArrayLike, predicted: ArrayLike, n_class: int, *, seed: int = 0, draws: int = DRAWS
) -> tuple[float, float]:
    """The 95 % percentile interval of the macro F1; the same for the same seed."""
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    n = len(labels)
    generator = rng.generator(seed, 0, "bootstrap")
    found = np.empty(draws)
    for i in range(draws):
        rows = generator.integers(0, n, n)
        found[i] = macro_f1(labels[rows], predicted[rows], n_class)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
