"""Ids to text as they are produced, without ever showing half a character."""

from __future__ import annotations

import codecs

from minilm.tokenizers.base import Ids, Tokenizer

__all__ = ["StreamDecoder"]


class StreamDecoder:
    r"""Decodes one stream of ids piece by piece.

    A token may end inside a UTF-8 character. Its bytes are then held back until the rest
    has come. All pieces and `flush()` together equal `tokenizer.decode` of all the ids.

    Examples
    --------
    >>> from minilm.tokenizers.byte import BytesTokenizer
    >>> decoder = StreamDecoder(BytesTokenizer())
    >>> decoder.feed([110, 195]), decoder.feed([169]), decoder.feed([195]), decoder.flush()
    ('n', 'é', '', '\ufffd')
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, ids: Ids) -> str:
        """The text that these ids complete; bytes that cannot be UTF-8 become U+FFFD."""
        return self._decoder.decode(self._tokenizer.decode_bytes(ids))

    def flush(self) -> str:
        """What was held back, as U+FFFD; the next `feed` then starts afresh."""
        return self._decoder.decode(b"", final=True)
