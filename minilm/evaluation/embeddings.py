"""Vectors of whole texts: the mean of a model's features, and what lies near.

    v = sum_t mask_t x_t / sum_t mask_t,    then v / |v|

Shapes: features x (B, T, C), mask (B, T), v (B, C).

Source: Reimers and Gurevych, "Sentence-BERT" (2019), section 3, for the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.models.model import Model

__all__ = ["centred", "nearest", "sentence_vectors"]


def sentence_vectors(
    model: Model,
    sequences: Sequence[NDArray],
    *,
    batch_size: int = 32,
    normalize: bool = True,
    progress: Callable[[int], None] | None = None,
) -> NDArray:
    """Vectors (N, C) of N sequences of ids, in the model's dtype.

    Sequences of like length run together, padded; padding is neither attended to nor
    averaged over, so that a vector hangs on its own sequence only.

    Parameters
    ----------
    model : Model
    sequences : sequence of ndarray (T_i,) of int
        With special tokens, if the model was trained with them. An empty one has the zero
        vector.
    batch_size : int
        Sequences that run through the model together.
    normalize : bool
        Whether the vectors have length 1, so that scalar products are cosines.
    progress : callable, optional
        Told after each batch how many sequences are done.

    Raises
    ------
    MinilmError
        If a sequence is longer than the model's `block_size`, or an id is not in its
        vocabulary.

    Examples
    --------
    >>> from minilm.models.bert import BERT
    >>> from minilm.models.bert_config import BERTConfig
    >>> model = BERT(BERTConfig(vocab_size=9, block_size=8, n_layer=1, n_head=2, n_embd=4))
    >>> vectors = sentence_vectors(model, [np.array([1, 2, 3]), np.array([4])])
    >>> vectors.shape, (vectors**2).sum(axis=1).round(3).tolist()
    ((2, 4), [1.0, 1.0])
    """
    vectors = np.zeros((len(sequences), model.config.n_embd), model.parameters.values.dtype)
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    order = [i for i in order if len(sequences[i])]
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        longest = len(sequences[rows[-1]])
        tokens = np.zeros((len(rows), longest), np.int64)
        mask = np.zeros((len(rows), longest), bool)
        for row, i in enumerate(rows):
            tokens[row, : len(sequences[i])] = sequences[i]
            mask[row, : len(sequences[i])] = True
        x = model.features(tokens, key_mask=mask)[0]
        vectors[rows] = (x * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        if progress:
            progress(start + len(rows))
    if normalize:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths == 0, 1, lengths)
    return vectors


def nearest(vectors: NDArray, queries: NDArray, k: int) -> tuple[NDArray, NDArray]:
    """The k vectors (N, C) with the largest scalar products with each query (M, C).

    Exact, by one matrix product. Ties go to the earlier vector.

    Returns
    -------
    indices : ndarray (M, min(k, N)) of int
        Best first.
    scores : ndarray (M, min(k, N))
        The scalar products.

    Raises
    ------
    MinilmError
        If k is less than 1.

    Examples
    --------
    >>> indices, scores = nearest(np.eye(3), np.array([[0.1, 0.9, 0.5]]), k=2)
    >>> indices.tolist(), scores.tolist()
    ([[1, 2]], [[0.9, 0.5]])
    """
    if k < 1:
        raise MinilmError(f"k is {k}; choose a whole number from 1 up")
    scores = queries @ vectors.T
    indices = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return indices, np.take_along_axis(scores, indices, axis=1)


def centred(vectors: NDArray, queries: NDArray) -> tuple[NDArray, NDArray]:
    """Vectors (N, C) and queries (M, C) without the mean of the vectors, at length 1 again.

    Features have a large part in common, which makes all cosines alike; of fewer than three
    vectors the mean says nothing, and they stay as they are.

    Source: Mu and Viswanath, "All-but-the-top" (2018), the first of its two steps.

    Examples
    --------
    >>> vectors = np.array([[9.0, 1.0], [9.0, -1.0], [9.0, 0.0]])
    >>> centred(vectors, np.array([[10.0, 2.0]]))[0].tolist()
    [[0.0, 1.0], [0.0, -1.0], [0.0, 0.0]]
    """
    if len(vectors) < 3:
        return vectors, queries
    mean = vectors.mean(axis=0)
    found = []
    for array in (vectors - mean, queries - mean):
        lengths = np.linalg.norm(array, axis=1, keepdims=True)
        found.append(array / np.where(lengths == 0, 1, lengths))
    return found[0], found[1]
