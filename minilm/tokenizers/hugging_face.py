"""A tokenizer of another library, kept as it came: the run has the same ids as its source.

The text of a Hugging Face ``tokenizer.json`` describes normalisation, splitting, merges and
all. Byte-level BPE cut by a pattern that is known here is run by our own BPE; whatever else
is described, the package `tokenizers` (extra ``hf``) carries out. What each id stands for in
bytes is worked out here, since text that is streamed may break inside a character.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.tokenizers.base import Ids, Tokenizer
from minilm.tokenizers.bpe.imported import ImportedBPE
from minilm.tokenizers.letters import byte_letters

__all__ = ["NEEDS_PACKAGE", "HuggingFaceTokenizer"]

NEEDS_PACKAGE = "this model's tokenizer needs the package tokenizers: pip install 'minilm[hf]'"

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class HuggingFaceTokenizer(Tokenizer):
    """Encodes as the package `tokenizers` does; special tokens in a text are the tokens.

    Parameters
    ----------
    description : dict
        The content of ``tokenizer.json``.
    settings : dict
        The content of ``tokenizer_config.json``, of which ``eos_token`` ends a document.

    Raises
    ------
    MinilmError
        If the description has no vocabulary. That it is sound beyond that shows when
        `encode` is first called, and so does the lack of the package.
    """

    kind = "huggingface"

    def __init__(self, description: dict[str, Any], settings: dict[str, Any]) -> None:
        self.description = description
        self.settings = settings
        ids = _vocabulary(description)
        table = _bytes_table(ids, _style(description))
        super().__init__(table)
        self.special_tokens = {name: ids[name] for name in _specials(description)}
        end = settings.get("eos_token")
        end = end.get("content") if isinstance(end, dict) else end
        self.end_of_text = ids.get(end) if isinstance(end, str) else None

    def encode(self, text: str) -> NDArray:
        """The ids (n,) of the text alone."""
        own = self._own
        return self._run(text, whole=False) if own is None else own.encode(text).astype(self.dtype)

    def encode_whole(self, text: str) -> NDArray:
        """The ids (n,) with the special tokens around, such as [CLS] and [SEP]."""
        own = self._own
        if own is None or own.around is None:
            return self._run(text, whole=True)
        before, after = own.around
        return np.concatenate([before, own.encode(text), after]).astype(self.dtype)

    def decode_bytes(self, ids: Ids) -> bytes:
        """The bytes that the ids stand for; ids beyond the vocabulary stand for none.

        Models often have more rows in their tables than the tokenizer has tokens.
        """
        array = np.asarray(ids)
        return super().decode_bytes(array[array < self.vocab_size])

    def to_dict(self) -> dict[str, Any]:
        """{"tokenizer": {...}, "settings": {...}}"""
        return {"tokenizer": self.description, "settings": self.settings}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> HuggingFaceTokenizer:
        """The tokenizer that `to_dict` described."""
        description, settings = fields.get("tokenizer"), fields.get("settings")
        if not isinstance(description, dict) or not isinstance(settings, dict):
            raise MinilmError("'tokenizer' or 'settings' is missing or not an object")
        return cls(description, settings)

    @property
    def ready(self) -> bool:
        """Whether text can be encoded: by our BPE, or by the package if it is installed."""
        return self._own is not None or find_spec("tokenizers") is not None

    @cached_property
    def _own(self) -> ImportedBPE | None:
        """Our BPE, if the ids are sure to be the same."""
        try:
            return ImportedBPE(self.description)
        except MinilmError:
            return None

    @cached_property
    def _engine(self) -> Any:
        try:
            from tokenizers import Tokenizer as Engine
        except ImportError:
            raise MinilmError(NEEDS_PACKAGE) from None
        try:
            engine = Engine.from_str(json.dumps(self.description))
        except Exception as error:  # the package raises Exception itself
            raise MinilmError(f"the tokenizer's description is not sound: {error}") from None
        engine.no_truncation()
        engine.no_padding()
        return engine

    def _run(self, text: str, *, whole: bool) -> NDArray:
        try:
            found = self._engine.encode(text, add_special_tokens=whole)
        except MinilmError:
            raise
        except Exception as error:  # a lone surrogate; the package's own failures
            raise MinilmError(f"the text cannot be encoded: {error}") from None
        return np.array(found.ids, self.dtype)


def _vocabulary(description: dict[str, Any]) -> dict[str, int]:
    """Token -> id, added tokens included."""
    model = description.get("model")
    vocabulary: Any = model.get("vocab") if isinstance(model, dict) else None
    added: Any = description.get("added_tokens") or []
    try:
        if isinstance(vocabulary, list):  # Unigram: [token, score] in the order of ids
            vocabulary = {str(item[0]): i for i, item in enumerate(vocabulary)}
        ids = {**vocabulary, **{str(token["content"]): token["id"] for token in added}}
    except (TypeError, KeyError, IndexError):
        raise MinilmError("the tokenizer's description has no sound vocabulary") from None
    most = 16 * len(ids) + 2**16
    if not ids or not all(type(i) is int and 0 <= i < most for i in ids.values()):
        raise MinilmError("the tokenizer's vocabulary has ids that are no whole numbers")
    return ids


def _specials(description: dict[str, Any]) -> list[str]:
    added = description.get("added_tokens") or []
    return [str(token["content"]) for token in added if token.get("special")]


def _style(description: dict[str, Any]) -> str:
    """How tokens are spelt: ``bytes`` (GPT-2), ``pieces`` (WordPiece) or ``words``."""
    text = json.dumps([description.get("decoder"), description.get("pre_tokenizer")])
    if '"ByteLevel"' in text:
        return "bytes"
    model = description.get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    return "pieces" if kind == "WordPiece" or '"WordPiece"' in text else "words"


def _bytes_table(ids: dict[str, int], style: str) -> list[bytes]:
    """What each id stands for; ids that no token has stand for nothing."""
    table = [b""] * (max(ids.values()) + 1)
    letters = byte_letters()
    for token, i in ids.items():
        if style == "bytes" and all(letter in letters for letter in token):
            table[i] = bytes(letters[letter] for letter in token)
        elif style == "pieces":
            table[i] = (token[2:] if token.startswith("##") else f" {token}").encode()
        elif match := _BYTE.fullmatch(token):
            table[i] = bytes([int(match[1], 16)])
        else:
            table[i] = token.replace("\u2581", " ").encode("utf-8", "surrogatepass")
    return table
