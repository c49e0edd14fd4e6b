"""Tokenizers by name, and back from their files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from minilm.errors import MinilmError, did_you_mean
from minilm.tokenizers.base import FORMAT, VERSION, Tokenizer
from minilm.tokenizers.byte import BytesTokenizer
from minilm.tokenizers.character import CharTokenizer
from minilm.tokenizers.hugging_face import HuggingFaceTokenizer

__all__ = ["KINDS", "build", "load"]

KINDS: dict[str, type[Tokenizer]] = {kind.kind: kind for kind in (BytesTokenizer, CharTokenizer)}
_READABLE = KINDS | {HuggingFaceTokenizer.kind: HuggingFaceTokenizer}


class HasText(Protocol):
    """A document, as far as tokenizers care."""

    @property
    def text(self) -> str: ...


def build(name: str, documents: Iterable[HasText]) -> Tokenizer:
    """The tokenizer "bytes", or "chars" with the characters of the documents.

    Characters get <|endoftext|> only when there are several documents to tell apart.

    Raises
    ------
    MinilmError
        If there is no such tokenizer, or no characters.
    """
    if name == BytesTokenizer.kind:
        return BytesTokenizer()
    if name == CharTokenizer.kind:
        texts = [document.text for document in documents]
        return CharTokenizer.train(texts, with_end_of_text=len(texts) > 1)
    raise MinilmError(f"no tokenizer {name!r}{did_you_mean(name, KINDS)}")


def load(path: str | os.PathLike[str]) -> Tokenizer:
    """The tokenizer that `Tokenizer.save` wrote.

    The file is a JSON object with "format": "minilm tokenizer", "version": 1 and "type",
    which is "bytes", "chars" or "huggingface"; the other fields are those of the type's `to_dict`.

    Raises
    ------
    MinilmError
        If the file cannot be read or is not such a file.
    """
    try:
        return _parse(Path(path).read_bytes())
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read the tokenizer {path}: {reason}; check the path") from error
    except MinilmError as error:
        raise MinilmError(f"{path} is not a tokenizer that can be read: {error}") from error


def _parse(data: bytes) -> Tokenizer:
    try:
        fields = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or nested too deeply
        raise MinilmError(f"it is not JSON ({error})") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise MinilmError(f'it has no "format": "{FORMAT}"')
    if fields.get("version") != VERSION:
        raise MinilmError(f"its version is {fields.get('version')!r}; this program reads {VERSION}")
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _READABLE:
        raise MinilmError(f"its type is {kind!r}{did_you_mean(str(kind), _READABLE)}")
    return _READABLE[kind].from_dict(fields)
