r"""N-gram models with Witten-Bell smoothing: the baseline that a neural model must beat.

The probability of token w after the context h (the n-1 tokens before it) mixes what followed
h in training with the model of one order less, whose context h' is h without its first token:

    P(w | h) = (c(hw) + N1+(h) P(w | h')) / (c(h) + N1+(h))

    c(hw)    how often w followed h in training;  c(h) = sum_w c(hw)
    N1+(h)   how many different tokens followed h

So the weight of the lower order, N1+(h) / (c(h) + N1+(h)), is an estimate of how often
something new follows h. Below the unigram stands the uniform 1/V. A context never seen leaves
the lower order as it is. Losses are in nats per token.

Source: Witten and Bell, "The zero-frequency problem" (1991), method C; in the interpolated
form of Chen and Goodman, "An empirical study of smoothing techniques for language modeling"
(1998), section 2.5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_TOKENS", "Baseline", "WittenBell", "baseline"]

# More training text than this is not counted: it bounds time, and memory to about 1 GB.
MOST_TOKENS = 10_000_000


class _Order(NamedTuple):
    """The n-grams of one order in training: U of them, after G different contexts.

    A context is known by its place among the n-grams of one order less, so that an n-gram of
    any length is one integer, place * V + token, and its own place here is its name above.
    Place -1 is what training never had. It reads the last entries, which say so.
    """

    keys: NDArray[np.int64]  # (U+1,) rising; the last is above all
    counts: NDArray[np.int64]  # (U+1,) c(hw); the last is 0
    totals: NDArray[np.int64]  # (G+1,) c(h); the last is 0
    kinds: NDArray[np.int64]  # (G+1,) N1+(h); the last is 0


class WittenBell:
    """Counts of all orders 1 .. max_order, and the probabilities they give.

    Counting takes 100 bytes a training token, or 150 where almost every n-gram is new; what
    stays is 16 bytes for each different n-gram and 16 for each context.

    Parameters
    ----------
    ids : (n,) int
        The training stream.
    vocab_size : int
        V; every id is below it.
    """

    def __init__(self, ids: NDArray, vocab_size: int, max_order: int = 6) -> None:
        ids = _checked(ids, vocab_size)
        self.vocab_size = vocab_size
        self.orders: list[_Order] = []
        context = np.zeros(len(ids), np.int64)  # of the n-gram that ends at each position
        n_contexts = 1
        for order in range(max_order):
            keys, places, counts = np.unique(
                context * vocab_size + ids[order:], return_inverse=True, return_counts=True
            )
            owner = keys // vocab_size
            # Weights make bincount count in float64, which is exact below 2**53.
            totals = np.bincount(owner, counts, n_contexts + 1).astype(np.int64)
            kinds = np.bincount(owner, minlength=n_contexts + 1)
            context, n_contexts = places[:-1], len(keys)
            keys, counts = np.append(keys, np.iinfo(np.int64).max), np.append(counts, 0)
            self.orders.append(_Order(keys, counts, totals, kinds))

    def probabilities(self, ids: NDArray) -> NDArray[np.float64]:
        """P of each token but the first, (max_order, n-1), a row for each order.

        Contexts are the real tokens before, so the first few are shorter than the order asks.
        """
        ids = _checked(ids, self.vocab_size)
        result = np.empty((len(self.orders), max(len(ids) - 1, 0)))
        p = np.full(len(ids), 1 / self.vocab_size)
        context = np.zeros(len(ids), np.int64)
        for order, (keys, counts, totals, kinds) in enumerate(self.orders):
            wanted = context * self.vocab_size + ids[order:]  # negative after an unseen context
            place = np.searchsorted(keys, wanted)
            place[keys[place] != wanted] = -1
            kind = kinds[context]
            weight = np.maximum(totals[context] + kind, 1)
            mixed = (counts[place] + kind * p[order:]) / weight
            p[order:] = np.where(kind > 0, mixed, p[order:])
            result[order] = p[1:]
            context = place[:-1]
        return result

    def losses(self, ids: NDArray) -> NDArray[np.float64]:
        """Mean -log P of each token but the first, in nats, for each order: (max_order,)."""
        if len(ids) < 2:
            raise ValueError("a loss needs at least two tokens")
        return -np.log(self.probabilities(ids)).mean(axis=1)


class Baseline(NamedTuple):
    """The best order on a validation stream, and what the others reached."""

    order: int
    loss: float  # nats per token
    losses: tuple[float, ...]  # nats per token, of order 1, 2, ...
    n_train: int  # training tokens counted


def baseline(
    train: NDArray,
    validation: NDArray,
    vocab_size: int,
    max_order: int = 6,
    max_train: int = MOST_TOKENS,
) -> Baseline:
    """The loss of the best n-gram model of order 1 .. max_order on the validation stream.

    Each validation token but the first is scored once. Only the last `max_train` training
    tokens are counted.

    Examples
    --------
    >>> ids = np.array([0, 1, 2] * 40)
    >>> best = baseline(ids[:90], ids[90:], vocab_size=3, max_order=2)
    >>> best.order, [round(loss, 3) for loss in best.losses]
    (2, [1.099, 0.022])
    """
    train = train[-max_train:]
    losses = WittenBell(train, vocab_size, max_order).losses(validation).tolist()
    best = int(np.argmin(losses))
    return Baseline(best + 1, losses[best], tuple(losses), len(train))


def _checked(ids: NDArray, vocab_size: int) -> NDArray[np.int64]:
    if ids.ndim != 1 or (len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < vocab_size):
        raise ValueError(f"ids must be one row of integers from 0 to {vocab_size - 1}")
    return ids.astype(np.int64)
