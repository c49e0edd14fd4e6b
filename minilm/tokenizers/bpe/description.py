"""`tokenizer.json` as the package `tokenizers` writes and reads it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minilm.errors import MinilmError
from minilm.tokenizers.bpe.patterns import EXPRESSIONS
from minilm.tokenizers.bpe.vocabulary import Vocabulary
from minilm.tokenizers.letters import byte_letters

__all__ = ["Unsupported", "describe", "parse", "to_bytes", "to_letters"]

_LETTERS = byte_letters()
_TO_LATIN = {ord(letter): value for letter, value in _LETTERS.items()}
_TO_LETTERS = {value: letter for letter, value in _LETTERS.items()}

_BYTE_LEVEL = {"add_prefix_space": False, "trim_offsets": True}
_MOST_IDS = 2**24


class Unsupported(MinilmError):
    """A sound description of a tokenizer that is not ours to run."""


def to_letters(token: bytes) -> str:
    """Bytes in GPT-2's visible letters.

    Examples
    --------
    >>> to_letters(" é".encode())
    'ĠÃ©'
    """
    return token.decode("latin-1").translate(_TO_LETTERS)


def to_bytes(letters: str) -> bytes:
    """The bytes of GPT-2's letters; ValueError if one is none of them."""
    if not _LETTERS.keys() >= set(letters):
        raise ValueError(f"{letters!r} is not spelt in the letters of bytes")
    return letters.translate(_TO_LATIN).encode("latin-1")


def describe(vocabulary: Vocabulary, pattern: str) -> dict[str, Any]:
    """The content of the file."""
    letters = [to_letters(token) for token in vocabulary.tokens]
    ids = {token: i for i, token in enumerate(letters) if token} | dict(vocabulary.special_tokens)
    options = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": name, **options, "special": True}
            for name, i in sorted(vocabulary.special_tokens.items(), key=lambda item: item[1])
        ],
        "normalizer": None,
        "pre_tokenizer": _cutter(pattern),
        "post_processor": None,
        "decoder": {
            "type": "ByteLevel",
            **_BYTE_LEVEL,
            "add_prefix_space": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": dict(sorted(ids.items(), key=lambda item: item[1])),
            "merges": [[letters[a], letters[b]] for a, b in vocabulary.pairs.tolist()],
        },
    }


def _cutter(pattern: str) -> dict[str, Any]:
    if pattern == "gpt2":
        return {"type": "ByteLevel", **_BYTE_LEVEL, "use_regex": True}
    byte_level = {"type": "ByteLevel", **_BYTE_LEVEL, "use_regex": False}
    return {"type": "Sequence", "pretokenizers": [_split(pattern), byte_level]}


def _split(pattern: str, *, kept: bool = False) -> dict[str, Any]:
    """Every match is a piece; or, which is the same for expressions that leave nothing between
    two matches, what is not one is removed."""
    behavior = {"behavior": "Removed" if kept else "Isolated", "invert": kept}
    return {"type": "Split", "pattern": {"Regex": EXPRESSIONS[pattern]}, **behavior}


def parse(fields: dict[str, Any], *, honoured: bool = False) -> tuple[Vocabulary, str]:
    """Vocabulary and pattern of the file's content.

    Parameters
    ----------
    fields : dict
    honoured : bool
        For a description that stays beside what is made of it, to give the ids of the text
        alone with added tokens found in it. Then they need not be special, and whatever works
        on ids does not matter; the caller sees to ``ignore_merges``.

    Raises
    ------
    Unsupported
        If it is a tokenizer of another kind, or has options that would change the ids.
    MinilmError
        If it contradicts itself.
    """
    pattern = _pattern(fields.get("pre_tokenizer"))
    model = fields.get("model")
    _refuse_options(fields, model, honoured)
    assert isinstance(model, dict)
    special_tokens = _special_tokens(fields.get("added_tokens") or [], honoured)
    vocab, merges = model.get("vocab"), model.get("merges")
    if not isinstance(vocab, dict) or not isinstance(merges, list):
        raise MinilmError("the model has no 'vocab' or no 'merges'")
    if honoured:
        _check_numbers(special_tokens, vocab)
    return vocabulary(vocab, [_pair(merge) for merge in merges], special_tokens), pattern


def vocabulary(
    vocab: dict[str, Any], merges: list[tuple[str, str]], special_tokens: dict[str, int]
) -> Vocabulary:
    """The vocabulary of tokens and merges in GPT-2's letters."""
    ids = {**vocab, **special_tokens}
    for token, i in ids.items():
        if type(i) is not int or not 0 <= i < _MOST_IDS:
            raise MinilmError(f"the token {token!r} has the id {i!r}, which is no whole number")
    if len(set(ids.values())) < len(ids):
        raise MinilmError("two tokens have the same id")
    tokens = [b""] * (1 + max(ids.values(), default=0))
    for token, i in vocab.items():
        if token in special_tokens:
            continue
        try:
            tokens[i] = to_bytes(token)
        except ValueError as error:
            raise Unsupported(str(error)) from None
    if not {token for token in tokens if len(token) == 1} >= {bytes([b]) for b in range(256)}:
        raise Unsupported("its vocabulary has not all 256 bytes")
    pairs = np.empty((len(merges), 2), np.int32)
    for i, (left, right) in enumerate(merges):
        if left not in ids or right not in ids:
            raise MinilmError(f"merge {i + 1} joins {left!r} and {right!r}, not both in 'vocab'")
        if left in special_tokens or right in special_tokens:
            raise Unsupported(f"merge {i + 1} joins a special token")
        pairs[i] = ids[left], ids[right]
    if len(np.unique(pairs, axis=0)) < len(pairs):
        raise MinilmError("a pair is in 'merges' twice")
    return Vocabulary(tokens, pairs, special_tokens)


def _pair(merge: Any) -> tuple[str, str]:
    """["a", "b"], or "a b" as older files have it."""
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if not isinstance(parts, list) or len(parts) != 2 or not all(type(p) is str for p in parts):
        raise MinilmError(f"the merge {merge!r} is not a pair of tokens")
    return parts[0], parts[1]


def _pattern(cutter: Any) -> str:
    """The name of the pattern that a pre_tokenizer describes."""
    steps = cutter.get("pretokenizers") if isinstance(cutter, dict) else None
    if isinstance(steps, list) and len(steps) == 2 and _is_byte_level(steps[1], use_regex=False):
        for pattern in EXPRESSIONS:
            if steps[0] in (_split(pattern), _split(pattern, kept=True)):
                return pattern
    if _is_byte_level(cutter, use_regex=True):
        return "gpt2"
    raise Unsupported("its text is not cut by the pattern of GPT-2 or of cl100k")


def _is_byte_level(step: Any, *, use_regex: bool) -> bool:
    return (
        isinstance(step, dict)
        and step.get("type") == "ByteLevel"
        and step.get("add_prefix_space") is False
        and step.get("use_regex", True) is use_regex
    )


def _refuse_options(fields: dict[str, Any], model: Any, honoured: bool) -> None:
    """Unsupported for whatever would change the ids."""
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        raise Unsupported("its model is not BPE")
    if fields.get("normalizer") is not None:
        raise Unsupported("it changes the text before (normalizer)")
    for name in () if honoured else ("decoder", "post_processor"):
        step = fields.get(name)
        none = step is None and name == "post_processor"
        if not none and not (isinstance(step, dict) and step.get("type") == "ByteLevel"):
            raise Unsupported(f"its {name} is not that of bytes")
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"):
        if model.get(name) and not (honoured and name == "ignore_merges"):
            raise Unsupported(f"its model has {name}")


def _special_tokens(added: Any, honoured: bool) -> dict[str, int]:
    if not isinstance(added, list):
        raise MinilmError("'added_tokens' is not a list")
    special_tokens: dict[str, Any] = {}
    for token in added:
        if not isinstance(token, dict) or not isinstance(token.get("content"), str):
            raise MinilmError("'added_tokens' has an entry without content")
        if not (token.get("special") or honoured) or any(
            token.get(k) for k in ("single_word", "lstrip", "rstrip")
        ):
            raise Unsupported(f"the token {token['content']!r} is found in text, or takes spaces")
        special_tokens[token["content"]] = token.get("id")
    if len({bool(token.get("normalized")) for token in added}) > 1:
        raise Unsupported("some added tokens are normalized and others are not")
    return special_tokens


def _check_numbers(added: dict[str, Any], vocab: dict[str, Any]) -> None:
    """Unsupported if `tokenizers`, which numbers added tokens anew, would not come to their ids."""
    last = -1
    for name, i in added.items():
        expected = vocab.get(name, max(len(vocab), last + 1))
        if i != expected or not name:
            raise Unsupported(f"the token {name!r} has the id {i!r}, not {expected}")
        last = max(last, i)
