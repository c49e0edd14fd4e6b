r"""Softmax cross-entropy: how surprised a predicted distribution is by what came, in nats.

    lse_i = log sum_v exp(logits[i, v])
    log p[i, v] = logits[i, v] - lse_i
    nll_i = -log p[i, target_i]
    loss = sum_i w_i (nll_i + z_loss * lse_i^2) / normalizer

Shapes: logits (N, V); targets, weights, nll, lse (N,); loss a Python float, in nats per
target. w_i is 1, or weights[i], and 0 where target_i = ignore_index. The normalizer is
the sum of all w unless given (to add up parts of a larger batch, give that batch's).
With nothing to predict the loss is 0, and so are its gradients.

`label_smoothing` e replaces nll by the surprise at a target that is uniform with
probability e:

    (1 - e) nll_i + e mean_v(-log p[i, v])

`z_loss` pulls lse towards 0, which the rest leaves free; without it logits may drift.

Backward. d lse / d logits = p, so with coefficient c_i = w_i / normalizer

    dlogits[i, v] = dloss c_i (p[i, v] (1 + 2 z_loss lse_i) - (1 - e) [v = target_i] - e / V)

Numerically, everything is taken relative to the row's largest logit: then no exponent is
above 0, and nll loses no digits when the target's probability is close to 1. The sum and lse
are float64 whatever the dtype of the logits: lse of a row near 10,000, rounded to float32,
would be off by up to 5e-4, and with it every probability of the row.

Source: Bridle (1990) for the softmax; Szegedy et al., "Rethinking the Inception
Architecture" (2016), section 7, for smoothing; Chowdhery et al., "PaLM" (2022),
section 5, for the z-loss.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Saved", "backward", "coefficients", "forward"]


class Saved(NamedTuple):
    """Kept: the logits and a few numbers a row. Recomputed: the probabilities, since
    (N, V) is often the largest array of a step and one of it is enough."""

    logits: NDArray  # (N, V)
    targets: NDArray  # (N,)
    coefficient: NDArray  # (N,): w_i / normalizer, in the dtype of the logits
    lse: NDArray  # (N,) float64: 0 where ignored
    nll: NDArray  # (N,): plain -log p of the target in nats, 0 where ignored
    ignore_index: int
    label_smoothing: float
    z_loss: float


def forward(
    logits: NDArray,
    targets: NDArray,
    weights: NDArray | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    normalizer: float | None = None,
) -> tuple[float, Saved]:
    """The loss in nats per target; `saved.nll` has it for each row, unweighted.

    Raises
    ------
    IndexError
        If a target is neither in 0..V-1 nor `ignore_index`.
    """
    coefficient = coefficients(logits, targets, weights, ignore_index, normalizer)
    used = np.flatnonzero(targets != ignore_index)
    z = logits[used]
    m = z.max(axis=-1, keepdims=True)
    shifted = z - m
    log_total = np.log(np.exp(shifted).sum(axis=-1, dtype=np.float64))
    nll = log_total - shifted[np.arange(len(used)), targets[used]]
    lse = m[:, 0] + log_total

    row_loss = nll
    if label_smoothing:
        uniform = log_total - shifted.mean(axis=-1, dtype=np.float64)
        row_loss = (1 - label_smoothing) * nll + label_smoothing * uniform
    if z_loss:
        row_loss = row_loss + z_loss * (lse * lse)
    loss = float(np.sum(coefficient[used] * row_loss, dtype=np.float64))

    all_lse, all_nll = np.zeros(len(targets)), np.zeros(len(targets), dtype=logits.dtype)
    all_lse[used], all_nll[used] = lse, nll
    saved = Saved(
        logits, targets, coefficient, all_lse, all_nll, ignore_index, label_smoothing, z_loss
    )
    return loss, saved


def backward(dloss: float, saved: Saved, out: NDArray | None = None) -> NDArray:
    """Returns dlogits (N, V), written into `out` if given.

    `out` may be the logits themselves: they are not needed afterwards, and the step then
    holds one (N, V) array and not two.
    """
    logits, targets, coefficient, lse, _, ignore_index, label_smoothing, z_loss = saved
    out = np.empty_like(logits) if out is None else out
    dlogits = np.subtract(logits, lse[:, None], out=out)
    # Not left to the coefficient 0: an ignored row may hold anything, even inf and nan.
    dlogits[targets == ignore_index] = 0
    np.exp(dlogits, out=dlogits)  # now p
    if z_loss:
        dlogits *= (1 + 2 * z_loss * lse)[:, None]
    if label_smoothing:
        dlogits -= label_smoothing / logits.shape[1]
    used = np.flatnonzero(targets != ignore_index)
    dlogits[used, targets[used]] -= 1 - label_smoothing
    dlogits *= (float(dloss) * coefficient)[:, None]
    return dlogits


def coefficients(
    logits: NDArray,
    targets: NDArray,
    weights: NDArray | None,
    ignore_index: int,
    normalizer: float | None,
) -> NDArray:
    """w_i / normalizer for every row, (N,) in the dtype of the logits; checks the targets."""
    ignored = targets == ignore_index
    wrong = ~ignored & ((targets < 0) | (targets >= logits.shape[1]))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise IndexError(
            f"target {targets[row]} of row {row} is neither in 0..{logits.shape[1] - 1} "
            f"nor ignore_index ({ignore_index})"
        )
    w = np.ones(len(targets)) if weights is None else np.asarray(weights, dtype=np.float64)
    w = np.where(ignored, 0.0, w)
    total = float(w.sum()) if normalizer is None else float(normalizer)
    return (w / total if total else np.zeros_like(w)).astype(logits.dtype)
