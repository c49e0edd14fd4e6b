"""The loss of a language-model head, in slices of positions.

Logits are the largest array of a small transformer by far: N positions times V words.
They are needed only to be turned into a loss and a gradient of the features, so a slice
of rows at a time is enough, and never more than `LOGITS_BYTES` of them exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.backend import ops

__all__ = ["LOGITS_BYTES", "loss_and_gradient", "negative_log_likelihood"]

LOGITS_BYTES = 128 * 2**20


def _slices(x: NDArray, vocab_size: int) -> Iterator[slice]:
    rows = max(1, LOGITS_BYTES // (vocab_size * x.itemsize))
    for start in range(0, len(x), rows):
        yield slice(start, start + rows)


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
    normalizer : float
        The sum of losses is divided by it: the number of targets in the whole batch, of
        which this call may see only a part.

    Returns
    -------
    loss : float
        Nats; this part's share of the mean.
    dx : ndarray (..., C)
    """
    rows, flat_targets = x.reshape(-1, x.shape[-1]), targets.reshape(-1)
    dx = np.empty_like(rows)
    loss = 0.0
    for part in _slices(rows, vocab_size):
        logits, s_head = head.forward(rows[part])
        part_loss, s_loss = ops.softmax_cross_entropy.forward(
            logits, flat_targets[part], normalizer=normalizer
        )
        dlogits = ops.softmax_cross_entropy.backward(1.0, s_loss, out=logits)
        dx[part] = head.backward(dlogits, s_head)
        loss += float(part_loss)
    return loss, dx.reshape(x.shape)


def negative_log_likelihood(head: Any, x: NDArray, targets: NDArray, *, vocab_size: int) -> NDArray:
    """-log p of each target, in nats, of the shape of `targets`."""
    rows, flat_targets = x.reshape(-1, x.shape[-1]), targets.reshape(-1)
    nll = np.empty(len(rows), x.dtype)
    for part in _slices(rows, vocab_size):
        logits, _ = head.forward(rows[part])
        _, saved = ops.softmax_cross_entropy.forward(logits, flat_targets[part])
        nll[part] = saved.nll
    return nll.reshape(targets.shape)
