"""Bytes as tokens: id b is byte b of the UTF-8 text. Nothing to train, nothing unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.tokenizers.base import END_OF_TEXT, Tokenizer, bad_character, strings_field

__all__ = ["BytesTokenizer"]


class BytesTokenizer(Tokenizer):
    """256 bytes and the special tokens, by default <|endoftext|> with id 256.

    Examples
    --------
    >>> tokenizer = BytesTokenizer()
    >>> tokenizer.encode("né").tolist()
    [110, 195, 169]
    >>> tokenizer.decode([110, 195, 169, 256])
    'né<|endoftext|>'
    """

    kind = "bytes"

    def __init__(self, special_tokens: Sequence[str] = (END_OF_TEXT,)) -> None:
        super().__init__([bytes([value]) for value in range(256)], special_tokens)

    def encode(self, text: str) -> NDArray:
        """The UTF-8 bytes (n,) of the text. A lone surrogate has none: MinilmError."""
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            why = "is half of a surrogate pair and has no UTF-8; remove it"
            raise bad_character(text, error.start, why) from None
        return np.frombuffer(data, np.uint8).astype(self.dtype)

    def to_dict(self) -> dict[str, Any]:
        """{"special_tokens": [...]}"""
        return {"special_tokens": list(self.special_tokens)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> BytesTokenizer:
        """The tokenizer that `to_dict` described."""
        return cls(strings_field(fields, "special_tokens"))
