"""Byte-level byte-pair encoding: the tokenizer of GPT-2 and its kin."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.tokenizers.base import END_OF_TEXT, Tokenizer
from minilm.tokenizers.bpe import description, streaming
from minilm.tokenizers.bpe.engine import Engine, in_order
from minilm.tokenizers.bpe.patterns import check
from minilm.tokenizers.bpe.special import Special, Specials
from minilm.tokenizers.bpe.special import check as check_mode
from minilm.tokenizers.bpe.training import Trainer
from minilm.tokenizers.bpe.utf8 import utf8
from minilm.tokenizers.bpe.vocabulary import Vocabulary

__all__ = ["BPETokenizer"]


class BPETokenizer(Tokenizer):
    """Tokens are byte strings that training found to be frequent; every text has one encoding.

    Parameters
    ----------
    vocabulary : Vocabulary
    pattern : "gpt2" or "cl100k"
        How text is cut into pieces, which tokens do not cross.

    Examples
    --------
    >>> tokenizer = BPETokenizer.train(["low lower lowest, slow slower"], vocab_size=259)
    >>> [tokenizer.token_bytes(i) for i in tokenizer.encode("slowest")]
    [b's', b'low', b'e', b's', b't']
    >>> tokenizer.decode(tokenizer.encode("Any text: naïve 😀"))
    'Any text: naïve 😀'
    """

    kind = "bpe"

    def __init__(self, vocabulary: Vocabulary, pattern: str = "gpt2") -> None:
        self.pattern = check(pattern)
        self.vocabulary = vocabulary
        special_tokens = dict(vocabulary.special_tokens)
        n_ids = max(len(vocabulary.tokens), 1 + max(special_tokens.values(), default=0))
        table = [*vocabulary.tokens, *[b""] * (n_ids - len(vocabulary.tokens))]
        for name, i in special_tokens.items():
            table[i] = utf8(name)
        super().__init__(table)
        self.special_tokens = special_tokens
        self.end_of_text = special_tokens.get(END_OF_TEXT)
        self._engine = Engine(vocabulary, pattern)
        self._specials = Specials(special_tokens)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int,
        *,
        pattern: str = "gpt2",
        special_tokens: Sequence[str] = (END_OF_TEXT,),
        min_frequency: int = 1,
    ) -> BPETokenizer:
        """Learn the merges from texts; docs/tokenizers.md tells how.

        Parameters
        ----------
        texts : iterable of str
            No piece goes across two of them.
        vocab_size : int
            256 bytes, merges and special tokens together. There will be fewer if the texts
            have no more pairs that occur `min_frequency` times.
        pattern : "gpt2" or "cl100k"
        special_tokens : sequence of str
            They take the last ids. In the texts they are plain text.
        min_frequency : int

        Raises
        ------
        MinilmError
            If the size is too small, the pattern unknown, a text holds half a surrogate pair,
            or a special token comes out as a token of the texts.
        """
        trainer = Trainer(pattern)
        for text in texts:
            trainer.add(utf8(text, "strict"))
        vocabulary = trainer.learn(vocab_size, special_tokens, min_frequency)
        return cls(vocabulary, pattern)

    def encode(
        self,
        text: str,
        *,
        special: Special = "plain",
        errors: str = "strict",
        threads: int = 1,
    ) -> NDArray:
        """The ids (n,) of a text, of type `dtype`.

        Parameters
        ----------
        text : str
        special : "plain", "refuse" or "honour"
            What a special token spelt out in the text is: ordinary characters, an error, or
            the token itself.
        errors : "strict" or "replace"
            Half of a surrogate pair, which has no UTF-8, is refused, or becomes U+FFFD.
        threads : int
            How many cores a long text may use; the ids do not depend on it.
        """
        return self.encode_bytes(utf8(text, errors), special=special, threads=threads)

    def encode_bytes(self, data: bytes, *, special: Special = "plain", threads: int = 1) -> NDArray:
        """The ids (n,) of UTF-8; bytes that are not UTF-8 count as symbols.

        `decode_bytes` gives back the same bytes, whatever they are.
        """
        work = self._work(special)
        if special == "refuse":
            self._specials.refuse(data, "the text")
        if threads == 1:
            return work(data)
        blocks = streaming.blocks(io.BytesIO(data), "the text", specials=self._sought(special))
        parts = [*in_order(work, blocks, threads)]
        return np.concatenate(parts) if parts else np.empty(0, self.dtype)

    def encode_file(
        self,
        path: str | os.PathLike[str],
        *,
        special: Special = "plain",
        errors: str = "strict",
        threads: int = 1,
    ) -> Iterator[NDArray]:
        """The ids of a file, array after array; it is never in memory as a whole.

        All arrays together are the ids of the file's text, with the options of `encode`.

        Raises
        ------
        MinilmError
            If the file cannot be read, or (unless `errors` is "replace") is not UTF-8; with
            the place in the file.
        """
        work = self._work(special)
        found = streaming.file_blocks(
            path,
            errors=errors,
            specials=self._sought(special),
            refuse=special == "refuse",
        )
        return in_order(work, found, threads)

    def _sought(self, special: Special) -> Specials | None:
        return None if special == "plain" else self._specials

    def _work(self, special: Special) -> Callable[[bytes], NDArray]:
        """The function from bytes to ids, for any thread."""
        check_mode(special)
        encode = self._engine.encoder()
        if special != "honour":
            return lambda data: encode(data).astype(self.dtype)

        def honouring(data: bytes) -> NDArray:
            ids: list[NDArray] = []
            for text, token in self._specials.parts(data):
                ids.append(encode(text))
                if token is not None:
                    ids.append(np.array([token]))
            return np.concatenate(ids).astype(self.dtype)

        return honouring

    def to_dict(self) -> dict[str, Any]:
        """The content of `tokenizer.json` as the package `tokenizers` writes it."""
        return description.describe(self.vocabulary, self.pattern)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> BPETokenizer:
        """The tokenizer of a `tokenizer.json` of the package `tokenizers`.

        Raises
        ------
        description.Unsupported
            If it describes another kind of tokenizer.
        """
        return cls(*description.parse(fields))

    def to_json(self) -> str:
        """The text of `tokenizer.json`, which the package `tokenizers` opens too."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
