"""Characters as tokens: the distinct code points of the training text, in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.tokenizers.base import (
    END_OF_TEXT,
    Tokenizer,
    bad_character,
    string_field,
    strings_field,
)

__all__ = ["CharTokenizer"]


class CharTokenizer(Tokenizer):
    """One id for each of the given characters, then the special tokens.

    Parameters
    ----------
    characters : str
        In rising order of code point, each once.

    Examples
    --------
    >>> tokenizer = CharTokenizer.train(["hello"])
    >>> tokenizer.characters
    'ehlo'
    >>> tokenizer.encode("hole").tolist()
    [1, 3, 2, 0]
    """

    kind = "chars"

    def __init__(self, characters: str, special_tokens: Sequence[str] = ()) -> None:
        if not characters:
            raise MinilmError("no characters to make a vocabulary of; give a text that has some")
        codes = _codes(characters)
        if np.any(codes[1:] <= codes[:-1]):
            raise MinilmError("the characters of a vocabulary must be in rising order, each once")
        try:
            tokens = [character.encode() for character in characters]
        except UnicodeEncodeError as error:
            raise MinilmError(
                f"the text has the character U+{ord(error.object):04X}, half of a surrogate pair, "
                "which no UTF-8 file can hold; remove it"
            ) from None
        super().__init__(tokens, special_tokens)
        self.characters = characters
        # Code point -> id, or -1. The last entry stands for all higher code points.
        self._ids = np.full(int(codes[-1]) + 2, -1, np.int32)
        self._ids[codes] = np.arange(len(characters))

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        with_end_of_text: bool = False,
        special_tokens: Sequence[str] = (),
    ) -> CharTokenizer:
        """The tokenizer of the characters that the texts have, and of special tokens."""
        characters: set[str] = set()
        for text in texts:
            characters.update(text)
        end = (END_OF_TEXT,) if with_end_of_text else ()
        return cls("".join(sorted(characters)), (*end, *special_tokens))

    def encode(self, text: str) -> NDArray:
        """The ids (n,) of the characters of the text."""
        codes = _codes(text)
        ids = self._ids[np.minimum(codes, len(self._ids) - 1)]
        unknown = ids < 0
        if unknown.any():
            size = len(self.characters)
            why = f"is not among this tokenizer's {size} characters; remove it or use 'bytes'"
            raise bad_character(text, int(unknown.argmax()), why)
        return ids.astype(self.dtype)

    def to_dict(self) -> dict[str, Any]:
        """{"characters": "...", "special_tokens": [...]}"""
        return {"characters": self.characters, "special_tokens": list(self.special_tokens)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> CharTokenizer:
        """The tokenizer that `to_dict` described."""
        special_tokens = strings_field(fields, "special_tokens")
        return cls(string_field(fields, "characters"), special_tokens)


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
