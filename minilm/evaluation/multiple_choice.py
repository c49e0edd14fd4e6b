r"""Multiple choice and cloze by the probabilities of continuations.

The score of a continuation is log P(continuation | context), the sum over its tokens, in
nats. Long continuations have many tokens, and each costs; so a second score divides by the
bytes of the continuation, which, unlike tokens, are the same for every model.

    accuracy             the right one has the highest sum
    accuracy_normalized  the right one has the highest sum / bytes

Highest means higher than every other. A model that finds two continuations equally likely
has not chosen, so a tie is never correct, whichever of them stands first.

A cloze has nothing to choose from: it is correct if each token of the continuation is the
model's first guess, given those before it, which is when greedy decoding would write it.

Where the context ends among the tokens
---------------------------------------
A tokenizer may join the end of the context with the beginning of a continuation in one token,
and context and continuation encoded apart are then tokens that no text has. So context and
continuation are encoded as one text, for each continuation. What they have in common are the
tokens within the context that all of these texts begin with; those are given, and all that
follows is scored. Where no token crosses, that is the continuation. Where one does, every
continuation is charged for the same few characters of the context as well, so that they can
still be compared: the sums differ exactly as log P(context and continuation) does.

Source: Brown et al., "Language Models are Few-Shot Learners" (2020), section 2.4 and appendix
G, for scoring by sum and by length; Paperno et al., "The LAMBADA dataset" (2016), for cloze.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.evaluation.items import Item
from minilm.evaluation.scoring import Request, TokenScores
from minilm.evaluation.statistics import Estimate, by_group, ratio
from minilm.tokenizers import Tokenizer

__all__ = ["TaskResult", "beginning", "best", "requests", "result"]


@dataclass(frozen=True)
class TaskResult:
    """How many items of a task a model gets right.

    Attributes
    ----------
    name : str
    kind : "multiple choice" or "cloze"
    items : int
    accuracy : Estimate
    accuracy_normalized : Estimate or None
        By sum over bytes; None for cloze.
    chance : float or None
        Accuracy of guessing; None for cloze, where it is next to none.
    perplexity : Estimate or None
        Of cloze: per continuation, e to the mean of -log P(continuation | context).
    """

    name: str
    kind: str
    items: int
    accuracy: Estimate
    accuracy_normalized: Estimate | None = None
    chance: float | None = None
    perplexity: Estimate | None = None


def beginning(tokenizer: Tokenizer) -> NDArray:
    """The token that stands before a text, (1,): as the tokenizer has it, or end-of-text.

    In training each document follows the end of another, so that is how a text begins.
    Empty, (0,), if the tokenizer has neither.
    """
    around = tokenizer.encode_whole("")
    if len(around):
        return around[:1].astype(np.int64)
    end = tokenizer.end_of_text
    return np.array([] if end is None else [end], np.int64)


def requests(item: Item, tokenizer: Tokenizer) -> list[Request]:
    """One for each continuation: the ids of the whole text, and where scoring begins.

    Raises
    ------
    MinilmError
        If the tokenizer lacks a character, or has no token to begin a text with and the
        context is empty.

    Examples
    --------
    >>> from minilm.tokenizers import build
    >>> item = Item("here", "2 + 2 =", (" 4", " 22"), 0)
    >>> [(len(r.ids), r.first) for r in requests(item, build("bytes", []))]
    [(10, 7), (11, 7)]
    """
    try:
        whole = [tokenizer.encode(item.context + text) for text in item.continuations]
        given = min(_within(ids, item, i, tokenizer) for i, ids in enumerate(whole))
    except MinilmError as error:
        raise MinilmError(f"{item.where}: {error}") from error
    for ids in whole[1:]:
        n = min(given, len(ids))
        differs = np.flatnonzero(ids[:n] != whole[0][:n])
        given = int(differs[0]) if len(differs) else n
    start = beginning(tokenizer)
    if len(start) + given == 0:
        raise MinilmError(
            f"{item.where}: no token of the context stands before the continuation, and this "
            "tokenizer has none that begins a text; give a longer context"
        )
    return [
        Request(np.concatenate([start, ids.astype(np.int64)]), len(start) + given - 1)
        for ids in whole
    ]


def _within(ids: NDArray, item: Item, number: int, tokenizer: Tokenizer) -> int:
    """How many tokens of the whole text end within the context."""
    n_bytes = len(item.context.encode())
    ends = np.cumsum([len(tokenizer.token_bytes(int(i))) for i in ids])
    text = item.context + item.continuations[number]
    if len(ends) and ends[-1] == len(text.encode()):
        return int(np.searchsorted(ends, n_bytes, side="right"))
    # Normalisation has changed the text, so bytes do not tell; the context alone does. Its
    # tokens may then be all there are, and one has to be left to score.
    alone = tokenizer.encode(item.context)
    n = min(len(alone), len(ids) - 1)
    if n < 0:
        raise MinilmError("the tokenizer makes no token of this text")
    differs = np.flatnonzero(alone[:n] != ids[:n])
    return int(differs[0]) if len(differs) else n


def best(sums: Sequence[float], answer: int) -> bool:
    """Whether the answer's sum is higher than every other.

    Examples
    --------
    >>> best([-1.0, -2.0], 0), best([-1.0, -1.0], 0), best([float("nan"), -1.0], 0)
    (True, False, False)
    """
    return all(sums[answer] > value for i, value in enumerate(sums) if i != answer)


def result(name: str, items: Sequence[Item], scores: Sequence[Sequence[TokenScores]]) -> TaskResult:
    """What a model reached on a task, from the scores of each item's requests."""
    groups = [item.group for item in items]
    if items[0].is_cloze:
        own = [one[0] for one in scores]
        losses = [float(part.nll.sum(dtype=np.float64)) for part in own]
        right = [bool((part.rank == 0).all()) for part in own]
        accuracy, perplexity = by_group(right, groups), by_group(losses, groups).exp()
        return TaskResult(name, "cloze", len(items), accuracy, perplexity=perplexity)
    plain, normalized = [], []
    for item, parts in zip(items, scores, strict=True):
        sums = [-float(part.nll.sum(dtype=np.float64)) for part in parts]
        sizes = [len(text.encode()) for text in item.continuations]
        plain.append(best(sums, item.answer))
        per_byte = [total / size for total, size in zip(sums, sizes, strict=True)]
        normalized.append(best(per_byte, item.answer))
    chance = ratio([1 / len(item.continuations) for item in items], np.ones(len(items))).value
    return TaskResult(
        name,
        "multiple choice",
        len(items),
        by_group(plain, groups),
        by_group(normalized, groups),
        chance,
    )
