"""Which positions of a sequence are hidden, and what is put in their place.

Of n positions that may be chosen, `rate` n are, rounded up or down by chance so that the mean is
exact, and at least one. Drawn are, by `unit`,

    token   single positions
    word    words, in random order, as long as they fit what is left
    span    runs of words, from random places, of geometric length: L with the probability
            span_stop (1 - span_stop)^(L-1), cut off at longest_span and renormalised

and each chosen position becomes the mask token, a random token, or stays as it is. Of a span,
all positions have the same fate.

Sources: Devlin et al., "BERT" (2019), section 3.1; Joshi et al., "SpanBERT" (2020), section 3.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.objectives.batch import IGNORED
from minilm.objectives.config import MaskedTokensConfig
from minilm.tokenizers import Tokenizer

__all__ = ["Alphabet", "choose", "hide", "span_lengths"]

LETTER, BLANK = 1, 2


class Alphabet(NamedTuple):
    """What masking has to know of a tokenizer.

    Attributes
    ----------
    mask : int
        The id of the mask token.
    ordinary : ndarray of int
        The ids that are not special tokens.
    special : ndarray (V,) of bool
        Whether an id is a special token.
    first, last : ndarray (V,) of int
        What a token begins and ends with: `LETTER`, `BLANK` or something else. Letters are
        what words are made of: digits, underscores and all beyond ASCII count too.
    """

    mask: int
    ordinary: NDArray
    special: NDArray
    first: NDArray
    last: NDArray

    @classmethod
    def of(cls, tokenizer: Tokenizer, mask: str) -> Alphabet:
        """The tables of a tokenizer whose special token `mask` hides others.

        Raises
        ------
        MinilmError
            If it has special tokens only.
        """
        V = tokenizer.vocab_size
        special = np.zeros(V, bool)
        special[list(tokenizer.special_tokens.values())] = True
        ends = np.zeros((2, V), np.int8)
        for i in np.flatnonzero(~special):
            if token := tokenizer.token_bytes(int(i)):
                ends[:, i] = _kind(token[0]), _kind(token[-1])
        ordinary = np.flatnonzero(~special)
        if not len(ordinary):
            raise MinilmError(f"the tokenizer has {V} special tokens and no other: nothing to hide")
        return cls(tokenizer.special_tokens[mask], ordinary, special, ends[0], ends[1])

    def words(self, ids: NDArray) -> NDArray:
        """The number of the word (T,) that each position is part of, from 0.

        Words are runs of letters; white space goes with what follows it.
        """
        after, before = self.first[ids[1:]], self.last[ids[:-1]]
        goes_on = (after == LETTER) & (before == LETTER)
        goes_on |= (after != BLANK) & (before == BLANK)
        return np.concatenate([[0], np.cumsum(~goes_on)])


def _kind(byte: int) -> int:
    if byte >= 0x80 or chr(byte).isalnum() or byte == ord("_"):
        return LETTER
    return BLANK if chr(byte).isspace() else 0


def hide(
    windows: NDArray, alphabet: Alphabet, config: MaskedTokensConfig, generator: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Sequences with some of their tokens hidden, and what is to be found there.

    Parameters
    ----------
    windows : ndarray (B, T) of int

    Returns
    -------
    inputs, targets : ndarray (B, T) of int
        `targets` is `IGNORED` where nothing was chosen. Special tokens never are.
    """
    groups = np.stack([choose(row, alphabet, config, generator) for row in windows])
    fate = generator.random(windows.shape)
    if config.unit == "span":
        # One draw for all of a span: that of the position which has the span's number.
        fate = np.take_along_axis(fate, np.maximum(groups, 0), axis=1)
    chosen = groups >= 0
    other = alphabet.ordinary[generator.integers(0, len(alphabet.ordinary), windows.shape)]
    inputs = windows.copy()
    inputs[chosen & (fate < config.mask)] = alphabet.mask
    randomised = chosen & (fate >= config.mask) & (fate < config.mask + config.random)
    inputs[randomised] = other[randomised]
    return inputs, np.where(chosen, windows, IGNORED)


def choose(
    ids: NDArray, alphabet: Alphabet, config: MaskedTokensConfig, generator: np.random.Generator
) -> NDArray:
    """Which of the positions of one sequence (T,) are chosen.

    Returns
    -------
    groups : ndarray (T,) of int
        -1 where a position is not chosen, else the number, below T, of what it was chosen with.
    """
    groups = np.full(len(ids), -1)
    allowed = np.flatnonzero(~alphabet.special[ids])
    if not len(allowed):
        return groups
    budget = max(1, int(config.rate * len(allowed) + generator.random()))
    if config.unit == "token":
        chosen = generator.choice(allowed, budget, replace=False)
        groups[chosen] = chosen
        return groups
    words = alphabet.words(ids)
    if config.unit == "word":
        _take_words(groups, words, alphabet.special[ids], budget, generator)
    else:
        _take_spans(groups, words, alphabet.special[ids], budget, config, generator)
    return groups


def _take_words(
    groups: NDArray, words: NDArray, special: NDArray, budget: int, generator: np.random.Generator
) -> None:
    """Fill in words; one that is longer than all that may be chosen is cut."""
    starts = np.append(np.searchsorted(words, np.arange(words[-1] + 1)), len(words))
    first = -1
    for word in generator.permutation(words[-1] + 1):
        start, end = starts[word], starts[word + 1]
        if special[start]:
            continue
        first = start if first < 0 else first
        if end - start <= budget:
            groups[start:end] = word
            budget -= end - start
        if not budget:
            return
    if (groups < 0).all():
        groups[first : first + budget] = words[first]


def _take_spans(
    groups: NDArray,
    words: NDArray,
    special: NDArray,
    budget: int,
    config: MaskedTokensConfig,
    generator: np.random.Generator,
) -> None:
    """Fill in spans, from the first token of a word on; the last one is cut to the budget."""
    starts = np.append(np.searchsorted(words, np.arange(words[-1] + 1)), len(words))
    n_words = int(words[-1]) + 1
    lengths = span_lengths(config)
    number = 0
    while budget:
        length = int(generator.choice(len(lengths), p=lengths)) + 1
        first = int(generator.integers(n_words))
        start, end = starts[first], starts[min(first + length, n_words)]
        free = np.flatnonzero((groups[start:end] < 0) & ~special[start:end])
        taken = start + free[:budget]
        groups[taken] = number
        budget -= len(taken)
        number += bool(len(taken))


def span_lengths(config: MaskedTokensConfig) -> NDArray:
    """The probabilities of the lengths 1 .. longest_span, in words.

    Examples
    --------
    >>> p = span_lengths(MaskedTokensConfig(unit="span"))
    >>> float(p @ np.arange(1, 11).round(1)).__round__(1)  # SpanBERT's mean length
    3.8
    """
    lengths = np.arange(config.longest_span)
    weights = config.span_stop * (1 - config.span_stop) ** lengths
    return weights / weights.sum()
