"""What a byte-level BPE tokenizer knows: its tokens, and which pairs make which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.tokenizers.bpe.utf8 import utf8
from minilm.tokenizers.letters import byte_letters

__all__ = ["BYTES", "Vocabulary", "byte_ids"]

# The bytes in the order of their letters in GPT-2's files, which is that of their ids.
BYTES = tuple(byte_letters().values())


def byte_ids() -> NDArray[np.int32]:
    """The id of each byte (256,) in a vocabulary that begins with `BYTES`."""
    ids = np.empty(256, np.int32)
    ids[list(BYTES)] = np.arange(256)
    return ids


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Tokens and merges, checked.

    Parameters
    ----------
    tokens : sequence of bytes
        What each id stands for; those of special tokens, and ids that no token has, are empty.
    pairs : (m, 2) int32
        The ids that are joined, in the order in which they were learned.
    special_tokens : mapping
        Name -> id.

    Attributes
    ----------
    byte_ids : (256,) int32
        The id of each byte.
    products : (m,) int32
        The id that each pair makes.

    Raises
    ------
    MinilmError
        If a byte has no token, a merge makes none, or a special token has the bytes of another.
    """

    tokens: Sequence[bytes]
    pairs: NDArray
    special_tokens: Mapping[str, int]
    byte_ids: NDArray = field(init=False)
    products: NDArray = field(init=False)

    def __post_init__(self) -> None:
        ids = {token: i for i, token in enumerate(self.tokens) if token}
        for value in range(256):
            if bytes([value]) not in ids:
                raise MinilmError(f"the vocabulary has no token for the byte 0x{value:02x}")
        for name in self.special_tokens:
            if utf8(name) in ids:
                raise MinilmError(
                    f"the special token {name!r} is also an ordinary token; choose a name that "
                    "text does not make, such as '<|name|>'"
                )
        products = np.empty(len(self.pairs), np.int32)
        for i, (left, right) in enumerate(self.pairs.tolist()):
            product = ids.get(self.tokens[left] + self.tokens[right])
            if product is None:
                made = self.tokens[left] + self.tokens[right]
                raise MinilmError(f"merge {i + 1} makes {made!r}, which is not in the vocabulary")
            products[i] = product
        own = np.array([ids[bytes([value])] for value in range(256)], np.int32)
        object.__setattr__(self, "byte_ids", own)
        object.__setattr__(self, "products", products)

    @classmethod
    def learned(cls, pairs: NDArray, special_tokens: Iterable[str]) -> Vocabulary:
        """The usual layout: the bytes in the order of `BYTES`, what each of the pairs (m, 2)
        makes, then the special tokens."""
        tokens = [bytes([value]) for value in BYTES]
        for left, right in pairs.tolist():
            tokens.append(tokens[left] + tokens[right])
        special = {name: len(tokens) + i for i, name in enumerate(special_tokens)}
        return cls(tokens, pairs, special)
