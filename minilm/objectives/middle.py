r"""A document with its middle moved to the end, so that it is predicted from both sides.

A text is cut at two of its characters into prefix, middle and suffix, and only then turned
into tokens, part by part: cut between tokens instead, and a model never learns to go on
from within a word, where a cursor often stands.

    prefix first   P prefix  S suffix  M middle  E
    suffix first   P  S suffix  M prefix middle  E

P, S and M are special tokens, which no text can spell; E is the end-of-text token, which
tells that the middle has met the suffix. The second form is the first with an empty prefix
and a longer middle, so what is learned from one serves the other. Both are undone alike:
what stands after P, then after M, then after S.

Source: Bavarian et al., "Efficient training of language models to fill in the middle"
(2022), section 3; suffix first: section 3.1, in the second variant of appendix D.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.tokenizers.base import END_OF_TEXT, Tokenizer

__all__ = ["MIDDLE", "PREFIX", "SUFFIX", "Cut", "Marks", "Parts", "cut", "encode", "restore"]

PREFIX, SUFFIX, MIDDLE = "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"


class Cut(NamedTuple):
    """A text in three; joined they are the text."""

    prefix: str
    middle: str
    suffix: str


class Marks(NamedTuple):
    """The ids of the special tokens P, S, M and E."""

    prefix: int
    suffix: int
    middle: int
    end: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Marks:
        """Those of a tokenizer.

        Raises
        ------
        MinilmError
            If it lacks one.
        """
        names = (PREFIX, SUFFIX, MIDDLE, END_OF_TEXT)
        missing = [name for name in names if name not in tokenizer.special_tokens]
        if missing:
            raise MinilmError(
                f"the tokenizer has no {' and no '.join(missing)}, without which no middle can "
                "be marked; pretrain with objective.name = fill_in_middle on a tokenizer of "
                'several documents: "bytes" or "bpe"'
            )
        return cls(*(tokenizer.special_tokens[name] for name in names))


class Parts(NamedTuple):
    """The ids of the three parts, each encoded on its own."""

    prefix: NDArray
    middle: NDArray
    suffix: NDArray

    def arranged(self, marks: Marks, *, suffix_first: bool = False) -> NDArray:
        """One sequence of ids, len(prefix) + len(middle) + len(suffix) + 4 of them."""
        p, s, m, end = (np.array([mark]) for mark in marks)
        if suffix_first:
            parts = [p, s, self.suffix, m, self.prefix, self.middle, end]
        else:
            parts = [p, self.prefix, s, self.suffix, m, self.middle, end]
        return np.concatenate(parts).astype(np.int64)

    def fitted(self, room: int) -> Parts:
        """The parts with at most `room` ids together: as if the text had begun later, and
        ended sooner. The suffix loses its end first, then the prefix its beginning; a middle
        that is too long by itself loses its end.

        Examples
        --------
        >>> parts = Parts(np.arange(4), np.arange(4, 6), np.arange(6, 9))
        >>> [part.tolist() for part in parts.fitted(5)]
        [[1, 2, 3], [4, 5], []]
        """
        excess = max(0, sum(map(len, self)) - room)
        suffix = self.suffix[: max(0, len(self.suffix) - excess)]
        excess -= len(self.suffix) - len(suffix)
        prefix = self.prefix[min(excess, len(self.prefix)) :]
        excess -= len(self.prefix) - len(prefix)
        return Parts(prefix, self.middle[: max(0, len(self.middle) - excess)], suffix)


def cut(text: str, generator: np.random.Generator) -> Cut:
    """Cut a text at two places, drawn uniformly from the len(text) + 1 that there are.

    Any part may be empty; the two places may be the same.

    Examples
    --------
    >>> from minilm import rng
    >>> cut("the cat sat", rng.generator(0, 1, "middles"))
    Cut(prefix='the', middle=' cat sa', suffix='t')
    """
    first, second = sorted(generator.integers(0, len(text) + 1, size=2).tolist())
    return Cut(text[:first], text[first:second], text[second:])


def encode(parts: Cut, tokenizer: Tokenizer) -> Parts:
    """The ids of each part. Special tokens that a text spells out are plain text."""
    return Parts(*(tokenizer.encode(part) for part in parts))


def restore(ids: NDArray, tokenizer: Tokenizer) -> bytes:
    """The bytes of the text that `Parts.arranged` made into `ids`, in either form.

    Raises
    ------
    MinilmError
        If `ids` has not P first, E last, and S and M once each between, in this order.

    Examples
    --------
    >>> from minilm.tokenizers import END_OF_TEXT, BytesTokenizer
    >>> tokenizer = BytesTokenizer((END_OF_TEXT, PREFIX, SUFFIX, MIDDLE))
    >>> parts = encode(Cut("the cat", " sat on", " the mat"), tokenizer)
    >>> ids = parts.arranged(Marks.of(tokenizer))
    >>> tokenizer.decode(ids)
    '<|fim_prefix|>the cat<|fim_suffix|> the mat<|fim_middle|> sat on<|endoftext|>'
    >>> restore(ids, tokenizer)
    b'the cat sat on the mat'
    """
    marks = Marks.of(tokenizer)
    ids = np.asarray(ids)
    where = np.flatnonzero(np.isin(ids, marks))
    if ids[where].tolist() != list(marks) or where[0] != 0 or where[-1] != len(ids) - 1:
        raise MinilmError(
            f"these {len(ids)} ids are no rearranged text: its marks must be {PREFIX} first, "
            f"{SUFFIX}, {MIDDLE}, and {END_OF_TEXT} last, each once"
        )
    _, s, m, end = where.tolist()
    return tokenizer.decode_bytes(np.concatenate([ids[1:s], ids[m + 1 : end], ids[s + 1 : m]]))
