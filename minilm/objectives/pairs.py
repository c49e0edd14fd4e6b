"""How a text labels itself: every training pair that a pretext task makes of it.

    next_token       t h e | c      each token from those before it            n - 1 pairs
    masked_tokens    t [MASK] e | h     hidden ones from all the others      15 % of n
    fill_in_middle   P t S e M | h  the text cut in three, then next tokens    n + 3 pairs

for a text of n tokens, of which a cut may make a few more. No one has labelled anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.errors import MinilmError
from minilm.models.model import Model
from minilm.objectives.batch import IGNORED
from minilm.objectives.config import OBJECTIVES, FillInMiddleConfig, MaskedTokensConfig
from minilm.objectives.masking import Alphabet, hide
from minilm.objectives.middle import Marks, cut, encode
from minilm.objectives.token_loss import negative_log_likelihood
from minilm.tokenizers import END_OF_TEXT, Tokenizer

__all__ = ["NAMES", "Labelled", "Pair", "count", "label", "losses", "possible"]


class Pair(NamedTuple):
    """One training example.

    Attributes
    ----------
    position : int
        Of the place in the sequence at which the label is predicted.
    before, after : ndarray of int
        What the model sees; `after` is empty where it sees only what comes before.
    input : int or None
        What stands in the label's place, where something does.
    label : int
    """

    position: int
    before: NDArray
    input: int | None
    after: NDArray
    label: int


@dataclass(frozen=True)
class Labelled:
    """A text as one task sees it.

    Attributes
    ----------
    objective : str
    inputs, targets : ndarray (T,) of int
        What the model reads, and what it is to predict there: `IGNORED` where nothing.
    causal : bool
        Whether the prediction at a position sees that position and those before it, rather
        than all.
    """

    objective: str
    inputs: NDArray
    targets: NDArray
    causal: bool

    @property
    def n_pairs(self) -> int:
        """How many predictions there are."""
        return int(np.count_nonzero(self.targets != IGNORED))

    def pairs(self) -> Iterator[Pair]:
        """Each, in turn."""
        for i in np.flatnonzero(self.targets != IGNORED).tolist():
            label = int(self.targets[i])
            if self.causal:
                yield Pair(i, self.inputs[: i + 1], None, self.inputs[:0], label)
            else:
                here = int(self.inputs[i])
                yield Pair(i, self.inputs[:i], here, self.inputs[i + 1 :], label)


def _next_token(text: str, tokenizer: Tokenizer, generator: np.random.Generator) -> Labelled:
    ids = tokenizer.encode(text).astype(np.int64)
    return Labelled("next_token", ids[:-1], ids[1:], causal=True)


def _masked_tokens(text: str, tokenizer: Tokenizer, generator: np.random.Generator) -> Labelled:
    config = MaskedTokensConfig()
    (mask,) = config.special_tokens
    if mask not in tokenizer.special_tokens:
        raise MinilmError(f"the tokenizer has no {mask}, which the objective masked_tokens needs")
    ids = tokenizer.encode(text).astype(np.int64)
    inputs, targets = hide(ids[None], Alphabet.of(tokenizer, mask), config, generator)
    return Labelled("masked_tokens", inputs[0], targets[0], causal=False)


def _fill_in_middle(text: str, tokenizer: Tokenizer, generator: np.random.Generator) -> Labelled:
    suffix_first = generator.random() < FillInMiddleConfig().suffix_first
    parts = encode(cut(text, generator), tokenizer)
    ids = parts.arranged(Marks.of(tokenizer), suffix_first=suffix_first)
    return Labelled("fill_in_middle", ids[:-1], ids[1:], causal=True)


_MAKERS: dict[str, Callable[[str, Tokenizer, np.random.Generator], Labelled]] = {
    "next_token": _next_token,
    "masked_tokens": _masked_tokens,
    "fill_in_middle": _fill_in_middle,
}
NAMES = tuple(_MAKERS)


def label(objective: str, text: str, tokenizer: Tokenizer, seed: int = 0) -> Labelled:
    """The text as the task of that name sees it, with the settings that are its defaults.

    Parameters
    ----------
    objective : str
        One of `NAMES`.
    tokenizer : Tokenizer
        With the special tokens that the task needs.
    seed : int
        Of what is drawn: the masks, or the cuts. (A run draws them afresh each time.)

    Raises
    ------
    MinilmError
        If the text has fewer than two tokens, or the tokenizer lacks a special token.

    Examples
    --------
    >>> from minilm.tokenizers import BytesTokenizer
    >>> labelled = label("next_token", "the cat", BytesTokenizer())
    >>> labelled.n_pairs
    6
    >>> [(bytes(pair.before.tolist()), chr(pair.label)) for pair in labelled.pairs()][:3]
    [(b't', 'h'), (b'th', 'e'), (b'the', ' ')]
    """
    if len(tokenizer.encode(text)) < 2:
        raise MinilmError(
            "a text of fewer than two tokens labels nothing; give a longer one, or another "
            "tokenizer"
        )
    return _MAKERS[objective](text, tokenizer, rng.generator(seed, 0, objective))


def possible(objective: str, tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer has the special tokens that the task needs.

    Examples
    --------
    >>> from minilm.tokenizers import BytesTokenizer
    >>> [possible(name, BytesTokenizer()) for name in NAMES]
    [True, False, False]
    """
    needed = OBJECTIVES[objective]().special_tokens
    if objective == "fill_in_middle":
        needed += (END_OF_TEXT,)
    return all(name in tokenizer.special_tokens for name in needed)


def losses(model: Model, labelled: Labelled) -> NDArray:
    """-log p of the label of each pair under a model, in nats: (n_pairs,).

    Raises
    ------
    MinilmError
        If the sequence is longer than the model's context.
    """
    size, most = len(labelled.inputs), model.config.block_size
    if size > most:
        raise MinilmError(
            f"{labelled.objective} makes {size} tokens of the text, and the model's context has "
            f"{most}; give a shorter text"
        )
    x = model.features(labelled.inputs[None])[0]
    nll = negative_log_likelihood(
        model.head, x, labelled.targets[None], vocab_size=model.config.vocab_size
    )
    return nll[0][labelled.targets != IGNORED].astype(np.float64)


class Count(NamedTuple):
    """A corpus as training pairs.

    Attributes
    ----------
    documents, tokens : int
        End-of-text tokens included.
    pairs : dict of str to int
        By objective: what one pass over the whole corpus as one sequence trains on. Of masked
        tokens, and of which documents fill-in-the-middle cuts, each pass draws afresh.
    """

    documents: int
    tokens: int
    pairs: dict[str, int]


def count(
    texts: Iterable[str], tokenizer: Tokenizer, objectives: Iterable[str], seed: int = 0
) -> Count:
    """How many pairs each task makes of a corpus.

    Examples
    --------
    >>> from minilm.tokenizers import BytesTokenizer
    >>> count(["the cat", "sat"], BytesTokenizer(), ["next_token"])
    Count(documents=2, tokens=12, pairs={'next_token': 11})
    """
    objectives = list(objectives)
    end = int(tokenizer.end_of_text is not None)
    documents = tokens = ordinary = rearranged = 0
    rate = FillInMiddleConfig().rate
    generator = rng.generator(seed, 0, "count")
    for text in texts:
        n = len(tokenizer.encode(text))
        documents, tokens, ordinary = documents + 1, tokens + n + end, ordinary + n
        if "fill_in_middle" in objectives:
            if generator.random() < rate:
                n = sum(map(len, encode(cut(text, generator), tokenizer))) + 3
            rearranged += n + end
    found = {
        "next_token": tokens - 1,
        "masked_tokens": round(MaskedTokensConfig().rate * ordinary),
        "fill_in_middle": rearranged - 1,
    }
    return Count(documents, tokens, {name: max(0, found[name]) for name in objectives})
