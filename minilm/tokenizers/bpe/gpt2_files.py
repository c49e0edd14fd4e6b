"""`vocab.json` and `merges.txt`, the two files of GPT-2.

The first maps tokens to ids, in letters that stand for bytes; the second has a merge in each
line, in order, below a line "#version: 0.2" that may be missing. How text is cut they do not
say: as GPT-2 does it. A token that is no byte and that no merge makes is a special token.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from minilm.errors import MinilmError
from minilm.tokenizers.base import write_text
from minilm.tokenizers.bpe.description import describe, vocabulary
from minilm.tokenizers.bpe.tokenizer import BPETokenizer
from minilm.tokenizers.letters import byte_letters

__all__ = ["MERGES", "VOCAB", "read", "write"]

VOCAB, MERGES = "vocab.json", "merges.txt"


def read(
    vocab: str | os.PathLike[str], merges: str | os.PathLike[str] | None = None
) -> BPETokenizer:
    """The tokenizer of the two files, or of a folder that has them.

    Raises
    ------
    MinilmError
        If a file cannot be read, or is not what it should be.
    """
    if merges is None:
        vocab, merges = Path(vocab) / VOCAB, Path(vocab) / MERGES
    try:
        ids = json.loads(_text(vocab))
    except (ValueError, RecursionError) as error:
        raise MinilmError(f"{vocab} is not JSON: {error}") from None
    if not isinstance(ids, dict):
        raise MinilmError(f"{vocab} is not an object of tokens and ids")
    pairs = []
    for number, line in enumerate(_text(merges).split("\n"), 1):
        line = line.removesuffix("\r")
        if not line or (number == 1 and line.startswith("#version")):
            continue
        left, space, right = line.partition(" ")
        if not (left and space and right) or " " in right:
            raise MinilmError(f"{merges}, line {number}: {line!r} is not two tokens")
        pairs.append((left, right))
    made = {left + right for left, right in pairs}.union(byte_letters())
    special_tokens = {token: i for token, i in ids.items() if token not in made}
    try:
        return BPETokenizer(vocabulary(ids, pairs, special_tokens), "gpt2")
    except MinilmError as error:
        raise MinilmError(f"{vocab} and {merges}: {error}") from None


def write(tokenizer: BPETokenizer, folder: str | os.PathLike[str]) -> None:
    """Write the two files into a folder, which is made if it is missing.

    Raises
    ------
    MinilmError
        If the tokenizer cuts text in another way than GPT-2, or the folder cannot be written.
    """
    if tokenizer.pattern != "gpt2":
        raise MinilmError(
            f"{VOCAB} and {MERGES} cannot say that text is cut by the pattern "
            f"{tokenizer.pattern!r}; write tokenizer.json"
        )
    model = describe(tokenizer.vocabulary, tokenizer.pattern)["model"]
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot make the folder {folder}: {reason}") from error
    ids = json.dumps(model["vocab"], ensure_ascii=False, separators=(",", ":"))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"]), ""]
    write_text(Path(folder) / VOCAB, ids)
    write_text(Path(folder) / MERGES, "\n".join(lines))


def _text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise MinilmError(f"cannot read {path}: {reason}; check the path") from error
    except UnicodeDecodeError as error:
        raise MinilmError(f"{path} is not UTF-8 at byte {error.start}") from None
