r"""N-gram models that see both sides: the baseline that a masked language model must beat.

The distribution of a hidden token w, with the a tokens l before it and the a tokens r after it:

1. Two Witten-Bell models (`minilm.evaluation.ngram`), one that reads towards w from the left and
   one from the right, joined as if the sides were independent given w:

       P(w | l, r) ~ P(w | l) P(w | r) / P(w)                      normalised over w

2. The likeliest `CANDIDATES` by 1 are put in the gap, and the n-gram model that reads from left
   to right says how likely all of it is; Bayes' rule without the independence:

       P(w | l, r) ~ P(w | l) prod_j P(r_j | r_{j-1} .. r_1, w, l)

   with n = a + 1. It reads the counts of l w r together, where training has them, and the
   candidates share what 1 gave them together.

A side ends where a neighbour is hidden too, or the window ends: what the neural model cannot
see, these cannot either. Both kinds are tried for all a = 1 .. 5 on the text that is to be
scored, and the best loss and the best accuracy are told, which favours them.

Source: Witten and Bell, "The zero-frequency problem" (1991), method C. Scoring gaps by what an
n-gram model makes of the whole: Goodman, "A bit of progress in language modeling" (2001), 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.evaluation.ngram import WittenBell

__all__ = [
    "MOST_TOKENS",
    "Baseline",
    "BidirectionalNgram",
    "Gaps",
    "Score",
    "baseline",
    "counted",
    "gaps",
]

IGNORED = -100
UNKNOWN = -1
SIDE = 5
CANDIDATES = 64
PROPOSING = 3  # the side of the model that names the candidates
# So many gaps at a time, and so many probabilities: all would be gaps x vocabulary x models.
ROWS = 128
CELLS = 2**18
# More training text than this is not counted, which bounds memory to about 1 GB.
MOST_TOKENS = 2_500_000


class Gaps(NamedTuple):
    """Hidden tokens and what stands beside them, nearest first; `UNKNOWN` is not to be seen."""

    left: NDArray[np.int64]  # (M, SIDE)
    right: NDArray[np.int64]  # (M, SIDE)
    hidden: NDArray[np.int64]  # (M,)


class Score(NamedTuple):
    """What one of the models gives the hidden tokens."""

    side: int
    joint: bool  # whether both sides were read together, as in step 2
    nll: NDArray[np.float64]  # (M,) -log p of each, in nats
    right: NDArray[np.bool_]  # (M,) whether no token has a higher probability

    @property
    def loss(self) -> float:
        """Nats per hidden token."""
        return float(self.nll.mean()) if len(self.nll) else 0.0

    @property
    def accuracy(self) -> float:
        """Share of the right ones."""
        return float(self.right.mean()) if len(self.right) else 0.0

    @property
    def name(self) -> str:
        """How reports call the model."""
        return f"bidirectional n-gram, {self.side} a side"


class Baseline(NamedTuple):
    """The best figures of all these models on hidden tokens."""

    name: str  # of the one with the best accuracy
    loss: float
    accuracy: float


class _Side(NamedTuple):
    """What stood beside contexts of one length, in training; they are numbered 0 .. G-1.

    A context that a gap has and training has not has no entries.
    """

    first: NDArray[np.int64]  # (G+1,) where the entries of each context begin
    tokens: NDArray[np.int64]  # (E,) what stood there
    counts: NDArray[np.int64]  # (E,) how often
    asked: NDArray[np.int64]  # (M,) the context of each gap, or UNKNOWN

    @classmethod
    def counted(cls, contexts: NDArray, labels: NDArray, vocab_size: int) -> _Side:
        """From the contexts of training, which have labels, and then those of the gaps."""
        n_contexts = int(contexts.max(initial=0)) + 1
        pairs = contexts[: len(labels)] * vocab_size + labels
        keys, counts = np.unique(pairs, return_counts=True)
        first = np.searchsorted(keys, np.arange(n_contexts + 1) * vocab_size)
        return cls(first, keys % vocab_size, counts, contexts[len(labels) :])

    def mixed(self, p: NDArray, rows: slice) -> NDArray:
        """The probabilities (m, V) of a shorter context, mixed with what stood in this one."""
        asked = self.asked[rows]
        start = self.first[asked]
        kinds = np.where(asked >= 0, self.first[asked + 1] - start, 0)
        row = np.repeat(np.arange(len(asked)), kinds)
        entry = np.repeat(start - np.cumsum(kinds) + kinds, kinds) + np.arange(len(row))
        weight = np.bincount(row, self.counts[entry], len(asked)) + kinds
        mixed = np.where(kinds > 0, kinds / np.maximum(weight, 1), 1.0)[:, None] * p
        mixed[row, self.tokens[entry]] += self.counts[entry] / weight[row]
        return mixed


class BidirectionalNgram:
    """Counts of a training stream, for gaps that are known beforehand.

    Counting takes up to 420 bytes a training token.

    Parameters
    ----------
    train : ndarray (N,) of int
    found : Gaps
    vocab_size : int
        V.
    special : ndarray (V,) of bool
        Tokens that stand in no gap.
    """

    def __init__(self, train: NDArray, found: Gaps, vocab_size: int, special: NDArray) -> None:
        train = np.asarray(train).astype(np.int64)
        self.gaps = found
        # One more token, which training never has: contexts end at it.
        self.wall = vocab_size
        self.left_to_right = WittenBell(train, vocab_size + 1, SIDE + 1)
        at = np.flatnonzero(~special[train])
        at = at[(at >= SIDE) & (at < len(train) - SIDE)]
        labels = train[at]
        counts = np.bincount(labels, minlength=vocab_size).astype(float)
        kinds = np.count_nonzero(counts)
        anything = np.where(special, 0.0, 1 / np.count_nonzero(~special))
        self.unigram = (counts + max(1, kinds) * anything) / (counts.sum() + max(1, kinds))
        self.sides: list[list[_Side]] = []
        for seen, sign in ((found.left, -1), (found.right, 1)):
            context = np.zeros(len(at) + len(seen), np.int64)
            orders = []
            for distance in range(1, SIDE + 1):
                tokens = np.concatenate([train[at + sign * distance], seen[:, distance - 1]])
                context = _longer(context, tokens, vocab_size)
                orders.append(_Side.counted(context, labels, vocab_size))
            self.sides.append(orders)

    def probabilities(self, rows: slice) -> dict[tuple[int, bool], NDArray]:
        """P (m, V) of some gaps, by side and whether the sides are read together."""
        n_rows = len(self.gaps.hidden[rows])
        sides = [np.tile(self.unigram, (n_rows, 1)) for _ in self.sides]
        found = {}
        for a in range(1, SIDE + 1):
            sides = [
                orders[a - 1].mixed(p, rows) for orders, p in zip(self.sides, sides, strict=True)
            ]
            p = sides[0] * sides[1] / np.where(self.unigram > 0, self.unigram, 1.0)
            p /= p.sum(axis=1, keepdims=True)
            found[a, False] = p
        n = min(CANDIDATES, p.shape[1])
        best = np.argpartition(-found[PROPOSING, False], n - 1, axis=1)[:, :n]
        for a, nats in enumerate(self._reread(best, rows), 1):
            found[a, True] = _shared_anew(found[a, False], best, nats)
        return found

    def _reread(self, best: NDArray, rows: slice) -> NDArray:
        """log P (SIDE, m, n) of candidates with what stands behind them, by order - 1."""
        left, right = (np.where(s >= 0, s, self.wall) for s in (self.gaps.left, self.gaps.right))
        text = np.full((*best.shape, 2 * SIDE + 2), self.wall)
        text[:, :, 1 : SIDE + 1] = left[rows, None, ::-1]
        text[:, :, SIDE + 1] = best
        text[:, :, SIDE + 2 :] = right[rows, None]
        chances = self.left_to_right.probabilities(text.reshape(-1))[1:]
        nats = np.log(np.concatenate([np.ones((SIDE, 1)), chances], axis=1))
        nats = nats.reshape(SIDE, *text.shape)[..., SIDE + 1 :]
        # Beyond a wall all is the same for each candidate; the wall itself was never seen.
        return np.where(text[:, :, SIDE + 1 :] == self.wall, 0.0, nats).sum(axis=3)

    def scores(self) -> list[Score]:
        """What every model gives the gaps."""
        parts: dict[tuple[int, bool], list[tuple[NDArray, NDArray]]] = {}
        hidden = self.gaps.hidden
        n_rows = min(ROWS, max(1, CELLS // len(self.unigram)))
        for start in range(0, max(1, len(hidden)), n_rows):
            rows = slice(start, start + n_rows)
            for which, p in self.probabilities(rows).items():
                chances = p[np.arange(len(p)), hidden[rows]]
                right = p.argmax(axis=1) == hidden[rows]
                parts.setdefault(which, []).append((-np.log(chances), right))
        return [
            Score(*which, *map(np.concatenate, zip(*found, strict=True)))
            for which, found in parts.items()
        ]


def _shared_anew(p: NDArray, best: NDArray, nats: NDArray) -> NDArray:
    """p (m, V) where the tokens `best` (m, n) share what they had in proportion to exp(nats)."""
    weight = np.exp(nats - nats.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    together = np.take_along_axis(p, best, axis=1).sum(axis=1, keepdims=True)
    shared = p.copy()
    np.put_along_axis(shared, best, weight * together, axis=1)
    return shared


def _longer(contexts: NDArray, tokens: NDArray, vocab_size: int) -> NDArray:
    """A number for each context with one more token; `UNKNOWN` where either is."""
    unknown = (contexts < 0) | (tokens < 0)
    _, found = np.unique(contexts * vocab_size + tokens, return_inverse=True)
    return np.where(unknown, UNKNOWN, found)


def gaps(batches: Iterable[tuple[NDArray, NDArray]]) -> Gaps:
    """The hidden tokens of batches (inputs, targets), each (B, T) of int.

    Hidden is what has a target (others have `IGNORED`), whatever the inputs are there.
    """
    parts = []
    steps = np.arange(1, SIDE + 1)
    for inputs, targets in batches:
        row, column = np.nonzero(targets != IGNORED)
        seen = np.where(targets == IGNORED, inputs, UNKNOWN)
        seen = np.pad(seen, ((0, 0), (SIDE, SIDE)), constant_values=UNKNOWN)
        place = SIDE + column[:, None]
        beside = (seen[row[:, None], place - steps], seen[row[:, None], place + steps])
        parts.append(Gaps(*beside, targets[row, column]))
    return Gaps(*map(np.concatenate, zip(*parts, strict=True)))


def baseline(
    train: NDArray,
    batches: Iterable[tuple[NDArray, NDArray]],
    vocab_size: int,
    special: NDArray,
) -> Baseline:
    """The best loss and the best accuracy that any of the models reaches; see `gaps`.

    Only the last `MOST_TOKENS` training tokens are counted.

    Examples
    --------
    >>> ids = np.array([0, 1, 2] * 40)
    >>> targets = np.full((1, 6), IGNORED)
    >>> targets[0, 3] = 0
    >>> baseline(ids, [(ids[None, :6], targets)], 3, np.zeros(3, bool)).accuracy
    1.0
    """
    found = counted(train, batches, vocab_size, special)
    best = max(found, key=lambda score: score.accuracy)
    return Baseline(best.name, min(score.loss for score in found), best.accuracy)


def counted(
    train: NDArray,
    batches: Iterable[tuple[NDArray, NDArray]],
    vocab_size: int,
    special: NDArray,
) -> list[Score]:
    """What each of the models gives the hidden tokens, gap by gap."""
    return BidirectionalNgram(train[-MOST_TOKENS:], gaps(batches), vocab_size, special).scores()
