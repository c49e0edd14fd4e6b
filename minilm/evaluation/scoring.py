r"""What a causal model gives each token of a text: its loss, its rank, and how sure it was.

    nll_t         -log p(token t | tokens before), in nats
    rank_t        how many other tokens the model holds to be as likely or likelier
    confidence_t  max_v p(v | tokens before)

Right at first guess is rank 0, within five guesses rank < 5. Equal logits count against the
model: one that finds all tokens equally likely has no right answer by accident.

Logits exist for a slice of positions at a time, never for a whole text, and the model runs on
a few thousand positions at a time, windows of like length together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.backend import ops
from minilm.errors import MinilmError
from minilm.evaluation.windows import Window, windows
from minilm.models.model import Model
from minilm.objectives.token_loss import LOGITS_BYTES

__all__ = ["Progress", "Request", "TokenScores", "score", "token_scores"]

# Positions that run through the model together.
POSITIONS = 4096

Progress = Callable[[float], None]  # told the share that is done, from 0 to 1


class Request(NamedTuple):
    """A row of ids (n,), of which those after input `first` are to be scored: n - 1 - first."""

    ids: NDArray
    first: int = 0


class TokenScores(NamedTuple):
    """Of the scored tokens of one request, in order."""

    nll: NDArray  # (m,) nats
    rank: NDArray[np.int64]  # (m,)
    confidence: NDArray  # (m,) from 0 to 1


def score(
    model: Model,
    requests: Sequence[Request],
    *,
    stride: int | None = None,
    progress: Progress | None = None,
) -> list[TokenScores]:
    """Run the model over rolling windows of each request; see `minilm.evaluation.windows`.

    Parameters
    ----------
    model : Model
        A causal one.
    requests : sequence of Request
    stride : int, optional
        Half of the model's `block_size` if not given.

    Raises
    ------
    MinilmError
        If the stride is out of range, or an id is not in the vocabulary.

    Examples
    --------
    >>> from minilm.models.config import GPTConfig
    >>> from minilm.models.gpt import GPT
    >>> model = GPT(GPTConfig(vocab_size=9, block_size=4, n_layer=1, n_head=1, n_embd=4))
    >>> whole, answer = score(model, [Request(np.arange(9)), Request(np.arange(9), first=6)])
    >>> len(whole.nll), len(answer.nll)
    (8, 2)
    """
    _check(requests, model.config.vocab_size)
    block_size = model.config.block_size
    stride = max(1, block_size // 2) if stride is None else stride
    work = [
        (i, window)
        for i, request in enumerate(requests)
        for window in windows(len(request.ids) - 1, block_size, stride, request.first)
    ]
    results = [_empty(len(request.ids) - 1 - request.first, model) for request in requests]
    total, done = sum(window.end - window.start for _, window in work), 0
    for batch in _batches(work):
        for (i, window), scores in zip(batch, _run(model, requests, batch), strict=True):
            first = requests[i].first
            for whole, part in zip(results[i], scores, strict=True):
                whole[window.first - first : window.end - first] = part
            done += window.end - window.start
        if progress:
            progress(done / total)
    return results


def _check(requests: Sequence[Request], vocab_size: int) -> None:
    for ids, _ in requests:
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < vocab_size:
            raise MinilmError(
                f"token ids from {ids.min()} to {ids.max()} do not fit "
                f"model.vocab_size = {vocab_size}; use the model's own tokenizer"
            )


def _empty(n: int, model: Model) -> TokenScores:
    dtype, n = model.parameters.values.dtype, max(0, n)
    return TokenScores(np.empty(n, dtype), np.empty(n, np.int64), np.empty(n, dtype))


def _batches(work: list[tuple[int, Window]]) -> Iterator[list[tuple[int, Window]]]:
    """Windows of like length together, so that little of a batch is padding."""
    work = sorted(work, key=lambda item: item[1].end - item[1].start, reverse=True)
    start = 0
    while start < len(work):
        longest = work[start][1].end - work[start][1].start
        rows = max(1, POSITIONS // longest)
        yield work[start : start + rows]
        start += rows


def _run(
    model: Model, requests: Sequence[Request], batch: list[tuple[int, Window]]
) -> Iterator[TokenScores]:
    """Scores of each window of a batch; padding stands behind, where no input sees it."""
    longest = batch[0][1].end - batch[0][1].start
    tokens = np.zeros((len(batch), longest), np.int64)
    scored = np.zeros((len(batch), longest), bool)
    targets = []
    for row, (i, (start, first, end)) in enumerate(batch):
        tokens[row, : end - start] = requests[i].ids[start:end]
        scored[row, first - start : end - start] = True
        targets.append(np.asarray(requests[i].ids[first + 1 : end + 1], np.int64))
    x = model.features(tokens)[0]
    found = token_scores(
        model.head, x[scored], np.concatenate(targets), vocab_size=model.config.vocab_size
    )
    edges = np.cumsum([len(part) for part in targets])[:-1]
    for parts in zip(*(np.split(array, edges) for array in found), strict=True):
        yield TokenScores(*parts)


def token_scores(head: Any, x: NDArray, targets: NDArray, *, vocab_size: int) -> TokenScores:
    """Scores of the targets (N,) under the head's logits of features (N, C).

    Examples
    --------
    >>> class Same:
    ...     def forward(self, x):
    ...         return x, None
    >>> logits = np.log(np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]]))
    >>> scores = token_scores(Same(), logits, np.array([1, 0]), vocab_size=3)
    >>> scores.rank.tolist(), scores.confidence.round(3).tolist()
    ([1, 1], [0.5, 0.4])
    """
    nll, confidence = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    rank = np.empty(len(x), np.int64)
    rows = max(1, LOGITS_BYTES // (vocab_size * x.itemsize))
    for start in range(0, len(x), rows):
        part = slice(start, start + rows)
        logits, _ = head.forward(x[part])
        _, saved = ops.softmax_cross_entropy.forward(logits, targets[part])
        nll[part] = saved.nll
        confidence[part] = np.exp(logits.max(axis=-1) - saved.lse)
        own = logits[np.arange(len(logits)), targets[part]]
        # Not `>=`, by which a model that gives NaN would always be right.
        rank[part] = np.count_nonzero(~(logits < own[:, None]), axis=-1) - 1
    return TokenScores(nll, rank, confidence)
