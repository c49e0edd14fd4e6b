r"""Calibration: whether a model that is 70 % sure is right 7 times in 10.

The guesses (the likeliest token at each position) are sorted into M bins of equal width by
the model's confidence, its probability of the guess. In bin b, of n_b guesses,

    accuracy_b    the share that was right
    confidence_b  their mean confidence
    ECE = sum_b n_b / n |accuracy_b - confidence_b|

the expected calibration error, from 0 (what it says is what happens) to 1. Bin b holds
confidences in (b / M, (b + 1) / M]. With few guesses in a bin its accuracy scatters, which
adds to the error: of a perfectly calibrated model, about sum_b sqrt(2 n_b a_b (1 - a_b) / pi)
/ n with a_b = accuracy_b.

Source: Guo et al., "On Calibration of Modern Neural Networks" (2017), equation 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "Calibration", "calibration"]

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Guesses by confidence.

    Attributes
    ----------
    edges : (M+1,)
        From 0 to 1.
    counts : (M,) int
    confidence, accuracy : (M,)
        Means; NaN in a bin without guesses.
    """

    edges: NDArray
    counts: NDArray[np.int64]
    confidence: NDArray
    accuracy: NDArray

    @property
    def error(self) -> float:
        """The expected calibration error."""
        used = self.counts > 0
        gaps = np.abs(self.accuracy[used] - self.confidence[used])
        return float((self.counts[used] * gaps).sum() / self.counts.sum())

    @property
    def chance(self) -> float:
        """About what a perfectly calibrated model would show with so many guesses."""
        used = self.counts > 0
        a, n = self.accuracy[used], self.counts[used]
        return float(np.sqrt(2 * n * a * (1 - a) / np.pi).sum() / self.counts.sum())


def calibration(confidence: NDArray, correct: NDArray, bins: int = BINS) -> Calibration:
    """Sort guesses (N,) with their confidences by bins; N is at least 1.

    Examples
    --------
    >>> found = calibration(np.array([0.9, 0.9, 0.6, 0.6]), np.array([1, 1, 0, 1]), bins=2)
    >>> found.counts.tolist(), found.accuracy.tolist(), round(found.error, 3)
    ([0, 4], [nan, 0.75], 0.0)
    >>> round(calibration(np.array([0.9, 0.9, 0.6, 0.6]), np.array([1, 1, 0, 1])).error, 3)
    0.1
    """
    confidence = np.asarray(confidence, np.float64)
    edges = np.linspace(0, 1, bins + 1)
    which = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(which, minlength=bins)
    sums = [np.bincount(which, values, bins) for values in (confidence, np.asarray(correct, float))]
    with np.errstate(invalid="ignore"):
        means = [np.where(counts > 0, total / counts, np.nan) for total in sums]
    return Calibration(edges, counts, means[0], means[1])
