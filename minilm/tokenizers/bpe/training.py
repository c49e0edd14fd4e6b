"""Learning a vocabulary: count the pieces of the texts, then join pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minilm.backend import ops
from minilm.errors import MinilmError
from minilm.tokenizers.bpe.code_points import classes
from minilm.tokenizers.bpe.patterns import NUMBERS, check
from minilm.tokenizers.bpe.vocabulary import Vocabulary, byte_ids

__all__ = ["LARGEST", "Trainer"]

LARGEST = 2**24  # a vocabulary beyond this is a mistake


class Trainer:
    """Takes texts one after the other, and keeps only how often each piece occurs.

    Parameters
    ----------
    pattern : "gpt2" or "cl100k"

    Examples
    --------
    >>> trainer = Trainer("gpt2")
    >>> trainer.add(b"low lower lowest")
    >>> vocabulary = trainer.learn(258)
    >>> vocabulary.tokens[256:]
    [b'lo', b'low']
    """

    def __init__(self, pattern: str) -> None:
        self._counts: Any = ops.bpe_counting.PieceCounts(classes(), NUMBERS[check(pattern)])
        self.n_bytes = 0

    def add(self, data: bytes) -> None:
        """Count the pieces of one more text, in UTF-8."""
        self.n_bytes += len(data)
        self._counts.add(np.frombuffer(data, np.uint8))

    def learn(
        self,
        vocab_size: int,
        special_tokens: Sequence[str] = (),
        min_frequency: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> Vocabulary:
        """The vocabulary of all texts so far.

        Parameters
        ----------
        vocab_size : int
            256 bytes, merges and special tokens together.
        special_tokens : sequence of str
            Their names.
        min_frequency : int
            Pairs that occur less often are not joined.
        progress : callable, optional
            Called with the number of merges, now and then.
        """
        least = 256 + len(special_tokens)
        if not least <= vocab_size <= LARGEST:
            raise MinilmError(
                f"a vocabulary of {vocab_size}: must be from {least} (256 bytes and "
                f"{len(special_tokens)} special tokens) to {LARGEST}"
            )
        if len(set(special_tokens)) < len(special_tokens) or "" in special_tokens:
            raise MinilmError("special tokens must have names, and different ones")
        pairs = ops.bpe_training.train(
            *self._counts.result(), vocab_size - least, byte_ids(), min_frequency, progress
        )
        return Vocabulary.learned(pairs, special_tokens)
