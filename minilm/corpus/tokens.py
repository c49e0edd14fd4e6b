"""Documents as one long array of token ids, which is what next-token training reads."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm.corpus.documents import Document, digest
from minilm.errors import MinilmError
from minilm.tokenizers.base import Tokenizer

__all__ = ["TokenStream", "encode"]


@dataclass(frozen=True)
class TokenStream:
    """Token ids with the figures that losses are reported by.

    Attributes
    ----------
    ids : (n,) uint16 or uint32
        The documents in order, each followed by the end-of-text token if there is one.
    n_bytes : int
        Size of the text in UTF-8; end-of-text tokens count as none.
    digest : str
        `minilm.corpus.digest` of the documents.
    """

    ids: NDArray
    n_bytes: int
    digest: str

    def bits_per_byte(self, nats_per_token: float) -> float:
        """A mean loss over this stream, in the unit that compares tokenizers.

        nats per token * tokens per byte / ln 2. What tokens a tokenizer makes cancels out:
        the same text always has the same bytes.

        Examples
        --------
        >>> stream = TokenStream(np.zeros(50, np.uint16), n_bytes=100, digest="")
        >>> round(stream.bits_per_byte(2 * math.log(2)), 6)
        1.0
        """
        return nats_per_token * len(self.ids) / self.n_bytes / math.log(2)


def encode(documents: Iterable[Document], tokenizer: Tokenizer) -> TokenStream:
    """Encode the documents into one stream.

    Raises
    ------
    MinilmError
        If there is no text, or the tokenizer lacks a character; it names the document.
    """
    documents = list(documents)
    end = [] if tokenizer.end_of_text is None else [tokenizer.end_of_text]
    after = np.array(end, tokenizer.dtype)
    pieces: list[NDArray] = []
    n_bytes = 0
    for document in documents:
        try:
            pieces += [tokenizer.encode(document.text), after]
        except MinilmError as error:
            raise MinilmError(f"document {document.id}: {error}") from error
        n_bytes += len(document.text.encode())
    if n_bytes == 0:
        raise MinilmError("there is no text to encode; give a text that is not empty")
    return TokenStream(np.concatenate(pieces), n_bytes, digest(documents))
