"""What every tokenizer does, and what those that have a table of tokens share."""

from __future__ import annotations

import json
import os
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError

__all__ = [
    "END_OF_TEXT",
    "FORMAT",
    "VERSION",
    "Ids",
    "Tokenizer",
    "bad_character",
    "string_field",
    "strings_field",
    "write_text",
]

END_OF_TEXT = "<|endoftext|>"
FORMAT = "minilm tokenizer"
VERSION = 1

Ids = Sequence[int] | NDArray


class Tokenizer(ABC):
    """Text to ids and back. Ids are 0 .. vocab_size - 1; each stands for fixed bytes.

    A subclass hands over its table of tokens, and adds `encode`, `to_dict` and `from_dict`.
    Special tokens take the ids after the table. `encode` never makes them from text: a text
    that spells "<|endoftext|>" is thirteen ordinary characters. `decode` writes their names.

    Parameters
    ----------
    tokens : sequence of bytes
        What each ordinary id stands for.
    special_tokens : sequence of str
        Their names.

    Attributes
    ----------
    kind : str
        The name in recipes and the "type" in the file.
    special_tokens : dict[str, int]
    end_of_text : int or None
        The id of "<|endoftext|>", which ends each document, if it is a special token.
    dtype : np.uint16 or np.uint32
        The type of `encode`'s ids: the smaller that holds them.
    """

    kind: ClassVar[str]

    def __init__(self, tokens: Sequence[bytes], special_tokens: Sequence[str] = ()) -> None:
        if len(set(special_tokens)) < len(special_tokens) or "" in special_tokens:
            raise MinilmError("special tokens must have names, and different ones")
        names = [name.encode("utf-8", "surrogatepass") for name in special_tokens]
        self._tokens: tuple[bytes, ...] = (*tokens, *names)
        self.special_tokens = {name: len(tokens) + i for i, name in enumerate(special_tokens)}
        self.end_of_text = self.special_tokens.get(END_OF_TEXT)
        self.dtype: type[np.unsignedinteger] = np.uint16 if self.vocab_size <= 2**16 else np.uint32

    @property
    def vocab_size(self) -> int:
        """Number of ids, special tokens included."""
        return len(self._tokens)

    @abstractmethod
    def encode(self, text: str) -> NDArray:
        """The ids (n,) of a text, of type `dtype`.

        Raises
        ------
        MinilmError
            If the text holds a character that the tokenizer cannot represent.
        """

    def encode_whole(self, text: str) -> NDArray:
        """The ids of a text that stands alone: with special tokens around, where it is usual."""
        return self.encode(text)

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` needs, in JSON's types."""

    @classmethod
    @abstractmethod
    def from_dict(cls, fields: dict[str, Any]) -> Tokenizer:
        """The tokenizer that `to_dict` described; MinilmError says what is wrong with it."""

    def token_bytes(self, token: int) -> bytes:
        """The bytes that one id stands for, which need not be whole characters."""
        return self.decode_bytes([token])

    def decode_bytes(self, ids: Ids) -> bytes:
        """The bytes that the ids stand for."""
        array = np.asarray(ids)
        if array.size == 0:
            return b""
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise TypeError(f"ids must be integers in one dimension, not {array.dtype}")
        for token in (int(array.min()), int(array.max())):
            if not 0 <= token < self.vocab_size:
                raise MinilmError(
                    f"no token {token} in a vocabulary of {self.vocab_size}; "
                    "use the tokenizer that made the ids"
                )
        return b"".join(map(self._tokens.__getitem__, array.tolist()))

    def decode(self, ids: Ids) -> str:
        """The text of the ids; bytes that are not UTF-8 become U+FFFD, the replacement mark."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `tokenizer.json`; `minilm.tokenizers.load` reads it.

        Equal tokenizers write equal bytes, so that the file's digest names the tokenizer.
        """
        write_text(Path(path), self.to_json())

    def to_json(self) -> str:
        """The text of `tokenizer.json`."""
        head = {"format": FORMAT, "version": VERSION, "type": self.kind}
        return json.dumps({**head, **self.to_dict()}, indent=1) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; MinilmError says why not."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(text.encode())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot write {path}: {reason}; check space and permissions") from error


def bad_character(text: str, position: int, why: str) -> MinilmError:
    """The error that names the character at a position of a text, and the position."""
    character = text[position]
    name = f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
    line = text.count("\n", 0, position) + 1
    return MinilmError(
        f"character {character!r} ({name}) at position {position}, line {line}, {why}"
    )


def string_field(fields: dict[str, Any], name: str) -> str:
    """The string `name` of a tokenizer file, or MinilmError."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise MinilmError(f"{name!r} is missing or not a string")
    return value


def strings_field(fields: dict[str, Any], name: str) -> list[str]:
    """The list of strings `name` of a tokenizer file, or MinilmError."""
    value = fields.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MinilmError(f"{name!r} is missing or not a list of strings")
    return value
