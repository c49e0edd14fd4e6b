"""Tokenizers by name, and back from their files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from minilm.errors import MinilmError, did_you_mean
from minilm.tokenizers.base import END_OF_TEXT, FORMAT, VERSION, Tokenizer
from minilm.tokenizers.bpe import BPETokenizer, gpt2_files
from minilm.tokenizers.bpe.description import Unsupported
from minilm.tokenizers.byte import BytesTokenizer
from minilm.tokenizers.character import CharTokenizer
from minilm.tokenizers.hugging_face import HuggingFaceTokenizer

__all__ = ["KINDS", "build", "load"]

KINDS: dict[str, type[Tokenizer]] = {
    kind.kind: kind for kind in (BytesTokenizer, CharTokenizer, BPETokenizer)
}
_OWN_FORMAT = {kind.kind: kind for kind in (BytesTokenizer, CharTokenizer, HuggingFaceTokenizer)}
TOKENIZER = "tokenizer.json"


class HasText(Protocol):
    """A document, as far as tokenizers care."""

    @property
    def text(self) -> str: ...


def build(
    name: str,
    documents: Iterable[HasText],
    vocab_size: int = 1024,
    special_tokens: Sequence[str] = (),
) -> Tokenizer:
    """The tokenizer "bytes", or "chars" or "bpe" as learned from the documents.

    Characters get <|endoftext|> only when there are several documents to tell apart.

    Parameters
    ----------
    vocab_size : int
        Of "bpe"; all special tokens count.
    special_tokens : sequence of str
        What an objective needs beside <|endoftext|>; they take the last ids.

    Raises
    ------
    MinilmError
        If there is no such tokenizer, or no characters.
    """
    if name == BytesTokenizer.kind:
        return BytesTokenizer((END_OF_TEXT, *special_tokens))
    if name == BPETokenizer.kind:
        texts = (document.text for document in documents)
        specials = (END_OF_TEXT, *special_tokens)
        return BPETokenizer.train(texts, vocab_size, special_tokens=specials)
    if name == CharTokenizer.kind:
        several = [document.text for document in documents]
        return CharTokenizer.train(several, len(several) > 1, special_tokens)
    raise MinilmError(f"no tokenizer {name!r}{did_you_mean(name, KINDS)}")


def load(path: str | os.PathLike[str]) -> Tokenizer:
    """The tokenizer in a file, or in a folder with `tokenizer.json` or GPT-2's two files.

    The file is what `Tokenizer.save` wrote: a JSON object with "format": "minilm tokenizer",
    "version": 1 and "type", which is "bytes", "chars" or "huggingface", the other fields being
    those of the type's `to_dict`; or one of the package `tokenizers`. Of the latter,
    byte-level BPE is ours to run, any other needs that package to encode.

    Raises
    ------
    MinilmError
        If the file cannot be read or is not such a file.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / TOKENIZER).exists() and (path / gpt2_files.VOCAB).exists():
            return gpt2_files.read(path)
        path /= TOKENIZER
    try:
        return _parse(path.read_bytes())
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
    if isinstance(fields, dict) and isinstance(fields.get("model"), dict):
        return _of_another_library(fields)
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise MinilmError(f'it has no "format": "{FORMAT}"')
    if fields.get("version") != VERSION:
        raise MinilmError(f"its version is {fields.get('version')!r}; this program reads {VERSION}")
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _OWN_FORMAT:
        raise MinilmError(f"its type is {kind!r}{did_you_mean(str(kind), _OWN_FORMAT)}")
    return _OWN_FORMAT[kind].from_dict(fields)


def _of_another_library(fields: dict[str, Any]) -> Tokenizer:
    try:
        return BPETokenizer.from_dict(fields)
    except Unsupported:
        found = HuggingFaceTokenizer(fields, {})
        end = END_OF_TEXT if END_OF_TEXT in found.special_tokens else None
        return HuggingFaceTokenizer(fields, {"eos_token": end})
