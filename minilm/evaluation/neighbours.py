"""k nearest neighbours: the label of a text is what the texts most like it have.

Likeness is the cosine of two vectors. Each of the k nearest training texts votes for its
label; of labels with equally many votes that one wins whose voters are nearer in sum, and the
first if that is equal too. Nothing is learned, so this asks of an embedding more than a linear
probe does: that what belongs together already lies together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm.evaluation.embeddings import nearest

__all__ = ["K", "predict"]

K = 10


def predict(
    x: NDArray, labels: NDArray, queries: NDArray, n_classes: int, k: int = K
) -> NDArray[np.int64]:
    """Labels (M,) of queries (M, C) by training vectors (N, C) with labels (N,).

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> predict(x, np.array([0, 0, 1]), np.array([[1.0, 0.2], [0.1, 3.0]]), 2, k=1).tolist()
    [0, 1]
    """
    indices, cosines = nearest(_normal(x), _normal(queries), k)
    votes = np.zeros((len(queries), n_classes))
    rows = np.repeat(np.arange(len(queries)), indices.shape[1])
    # Cosines in sum are below k, so they decide among equal numbers of votes only.
    weights = 1 + (cosines.ravel() + 1) / (4 * k)
    np.add.at(votes, (rows, labels[indices].ravel()), weights)
    return votes.argmax(axis=1)


def _normal(x: NDArray) -> NDArray:
    """Rows of length 1; a row of zeros stays."""
    x = np.asarray(x, np.float64)
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(lengths == 0, 1, lengths)
