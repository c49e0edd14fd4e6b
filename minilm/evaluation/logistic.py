r"""Multinomial logistic regression, the linear probe: classes from features by one matrix.

    logits = x @ weight + bias
    loss = mean_n(-log softmax(logits_n)[label_n]) + |weight|^2 / (2 strength N)

The penalty pulls weights towards 0, the less so the more examples there are; the bias is
free. The loss is convex: it has one minimum, and L-BFGS finds it from zero weights.

Shapes: x (N, C), weight (C, K), bias (K,), labels (N,).

Features come in all sizes, and a penalty would favour the large ones. So each is brought to
mean 0 and variance 1, by the mean and variance of the training examples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm.evaluation.lbfgs import minimise
from minilm.reference import softmax_cross_entropy

__all__ = ["LogisticRegression", "fit"]


@dataclass(frozen=True)
class LogisticRegression:
    """What `fit` returns.

    Attributes
    ----------
    mean, scale : (C,)
        Of the training features.
    weight : (C, K)
        For the features once brought to mean 0 and variance 1.
    bias : (K,)
    """

    mean: NDArray
    scale: NDArray
    weight: NDArray
    bias: NDArray

    def logits(self, x: NDArray) -> NDArray:
        """Features (N, C) -> (N, K)."""
        return (x - self.mean) / self.scale @ self.weight + self.bias

    def predict(self, x: NDArray) -> NDArray[np.int64]:
        """The likeliest class of each row, (N,)."""
        return self.logits(x).argmax(axis=1)


def fit(
    x: NDArray,
    labels: NDArray,
    n_classes: int,
    *,
    strength: float = 1.0,
    tolerance: float = 1e-5,
    max_steps: int = 1000,
) -> LogisticRegression:
    """Learn from features (N, C) and labels (N,) of 0 .. n_classes - 1, in float64.

    Parameters
    ----------
    strength : float
        The larger, the weaker the penalty.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> fit(x, np.array([0, 0, 1, 1]), 2).predict(np.array([[0.4], [9.0]])).tolist()
    [0, 1]
    """
    x = np.asarray(x, np.float64)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    # A feature that never varies tells nothing; divided by 1 it stays 0.
    scale = np.where(scale > 1e-12 * np.abs(mean), scale, 1.0)
    z = (x - mean) / scale
    N, C = z.shape
    targets = np.asarray(labels, np.int64)

    def loss(flat: NDArray) -> tuple[float, NDArray]:
        parameters = flat.reshape(C + 1, n_classes)
        weight, bias = parameters[:C], parameters[C]
        value, saved = softmax_cross_entropy.forward(z @ weight + bias, targets)
        dlogits = softmax_cross_entropy.backward(1.0, saved)
        penalty = 1 / (strength * N)
        gradient = np.concatenate([z.T @ dlogits + penalty * weight, dlogits.sum(0)[None]])
        return value + penalty / 2 * float((weight * weight).sum()), gradient.ravel()

    found = minimise(
        loss, np.zeros((C + 1) * n_classes), tolerance=tolerance, max_steps=max_steps
    ).x.reshape(C + 1, n_classes)
    return LogisticRegression(mean, scale, found[:C], found[C])
