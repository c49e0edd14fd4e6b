"""The ways to cut a text into pieces, by name.

The expressions stand here as tokenizer files hold them; what cuts is
`minilm.reference.bpe_pieces` and its compiled twin.
"""

from __future__ import annotations

from minilm.errors import MinilmError, did_you_mean
from minilm.reference.bpe_pieces import CL100K, GPT2

__all__ = ["EXPRESSIONS", "NUMBERS", "PATTERNS", "check"]

NUMBERS = {"gpt2": GPT2, "cl100k": CL100K}
PATTERNS = tuple(NUMBERS)

EXPRESSIONS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}


def check(pattern: str) -> str:
    """The name itself, if it is one of `PATTERNS`; else MinilmError."""
    if pattern not in NUMBERS:
        raise MinilmError(f"no pattern {pattern!r}{did_you_mean(pattern, PATTERNS)}")
    return pattern
