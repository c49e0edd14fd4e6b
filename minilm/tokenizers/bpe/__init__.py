"""Byte-level byte-pair encoding. docs/tokenizers.md explains it by an example."""

from __future__ import annotations

from minilm.tokenizers.bpe.patterns import PATTERNS
from minilm.tokenizers.bpe.tokenizer import BPETokenizer
from minilm.tokenizers.bpe.training import Trainer

__all__ = ["PATTERNS", "BPETokenizer", "Trainer"]
