"""Text to token ids and back."""

from __future__ import annotations

from minilm.tokenizers.base import END_OF_TEXT, Tokenizer
from minilm.tokenizers.bpe import BPETokenizer
from minilm.tokenizers.byte import BytesTokenizer
from minilm.tokenizers.character import CharTokenizer
from minilm.tokenizers.registry import KINDS, build, load
from minilm.tokenizers.stream import StreamDecoder

__all__ = [
    "END_OF_TEXT",
    "KINDS",
    "BPETokenizer",
    "BytesTokenizer",
    "CharTokenizer",
    "StreamDecoder",
    "Tokenizer",
    "build",
    "load",
]
