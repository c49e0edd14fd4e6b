"""The loss of a language-model head, in slices of positions.

Logits are the largest array of a small transformer by far: N positions times V words.
They are needed only to be turned into a loss and a gradient of the features, so a slice
of rows at a time is enough, and never more than `LOGITS_BYTES` of them exist. Where a
position has no target, the head does not run at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.backend import ops
from minilm.objectives.batch import IGNORED

__all__ = ["LOGITS_BYTES", "loss_and_gradient", "negative_log_likelihood", "scores"]

LOGITS_BYTES = 128 * 2**20


def _slices(x: NDArray, vocab_size: int) -> Iterator[slice]:
    rows = max(1, LOGITS_BYTES // (vocab_size * x.itemsize))
    for start in range(0, len(x), rows):
        yield slice(start, start + rows)


def _gathered(x: NDArray, targets: NDArray) -> tuple[NDArray, NDArray, NDArray | None]:
    """The rows that have a target, their targets, and which rows they are: None if all."""
    rows, flat = x.reshape(-1, x.shape[-1]), targets.reshape(-1)
    chosen = np.flatnonzero(flat != IGNORED)
    if len(chosen) == len(flat):
        return rows, flat, None
    return rows[chosen], flat[chosen], chosen


def loss_and_gradient(
    head: Any, x: NDArray, targets: NDArray, *, vocab_size: int, normalizer: float
) -> tuple[float, NDArray]:
    """Cross-entropy of the head's logits, forward and backward.

    Parameters
    ----------
    head : layer
        Maps (N, C) to logits (N, V); its parameters' gradients are added to.
    x : ndarray (..., C)
        Features.
    targets : ndarray (...,) of int
        `IGNORED` where there is nothing to predict, which costs nothing.
    normalizer : float
        The sum of losses is divided by it: the number of targets in the whole batch, of
        which this call may see only a part.

    Returns
    -------
    loss : float
        Nats; this part's share of the mean.
    dx : ndarray (..., C)
    """
    rows, labels, chosen = _gathered(x, targets)
    dx = np.empty_like(rows)
    loss = 0.0
    for part in _slices(rows, vocab_size):
        logits, s_head = head.forward(rows[part])
        part_loss, s_loss = ops.softmax_cross_entropy.forward(
            logits, labels[part], normalizer=normalizer
        )
        dlogits = ops.softmax_cross_entropy.backward(1.0, s_loss, out=logits)
        dx[part] = head.backward(dlogits, s_head)
        loss += float(part_loss)
        del logits, dlogits, s_loss, s_head  # before the next slice is made
    if chosen is None:
        return loss, dx.reshape(x.shape)
    scattered = np.zeros((x.size // x.shape[-1], x.shape[-1]), x.dtype)
    scattered[chosen] = dx
    return loss, scattered.reshape(x.shape)


def negative_log_likelihood(head: Any, x: NDArray, targets: NDArray, *, vocab_size: int) -> NDArray:
    """-log p of each target, in nats, of the shape of `targets`."""
    rows, flat_targets = x.reshape(-1, x.shape[-1]), targets.reshape(-1)
    nll = np.empty(len(rows), x.dtype)
    for part in _slices(rows, vocab_size):
        logits, _ = head.forward(rows[part])
        nll[part] = ops.softmax_cross_entropy.forward(logits, flat_targets[part])[1].nll
        del logits  # before the next slice is made
    return nll.reshape(targets.shape)


def scores(
    head: Any, x: NDArray, targets: NDArray, *, vocab_size: int
) -> tuple[NDArray, NDArray[np.bool_]]:
    """-log p of each target (N,), in nats, and whether it is the likeliest token.

    Parameters
    ----------
    x : ndarray (N, C)
        Features.
    targets : ndarray (N,) of int
    """
    nll, right = np.empty(len(x), x.dtype), np.empty(len(x), bool)
    for part in _slices(x, vocab_size):
        logits, _ = head.forward(x[part])
        _, saved = ops.softmax_cross_entropy.forward(logits, targets[part])
        nll[part] = saved.nll
        right[part] = logits.argmax(axis=1) == targets[part]
    return nll, right
