"""The tokenizer files of a Hugging Face folder, read into our tokenizers and written back.

    tokenizer.json            all of it; what is read if it is there
    tokenizer_config.json     which token ends a text, and settings that are carried along
    vocab.json, merges.txt    byte-level BPE before tokenizer.json (GPT-2, RoBERTa)
    vocab.txt                 WordPiece before tokenizer.json (BERT)

The two old forms are turned into the new one: GPT-2's here if it is what GPT-2 itself has, else
by the package `tokenizers` (extra ``hf``).
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from minilm.errors import MinilmError
from minilm.storage import json_file
from minilm.tokenizers import Tokenizer
from minilm.tokenizers.base import END_OF_TEXT
from minilm.tokenizers.bpe import BPETokenizer, gpt2_files
from minilm.tokenizers.byte import BytesTokenizer
from minilm.tokenizers.character import CharTokenizer
from minilm.tokenizers.hugging_face import HuggingFaceTokenizer
from minilm.tokenizers.letters import byte_letters

__all__ = ["NO_TOKENIZER", "read", "write"]

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"
NO_TOKENIZER = (
    "no tokenizer was found (tokenizer.json, vocab.json with merges.txt, or vocab.txt): "
    "the run has weights only"
)


def read(folder: Path) -> Tokenizer | None:
    """The tokenizer of a folder; None if it has none.

    Raises
    ------
    MinilmError
        If a file is unsound, or an old form needs the package that is not installed.
    """
    settings = json_file.read(folder / SETTINGS) if (folder / SETTINGS).exists() else {}
    if (folder / TOKENIZER).exists():
        description = json_file.read(folder / TOKENIZER)
        if ours := _ours(description, settings):
            return ours
    elif (folder / "vocab.json").exists() and (folder / "merges.txt").exists():
        description = _byte_level(folder)
        settings.setdefault("eos_token", "<|endoftext|>")
    elif (folder / "vocab.txt").exists():
        description = _word_piece(folder, lowercase=settings.get("do_lower_case", True) is True)
    else:
        return None
    try:
        return HuggingFaceTokenizer(description, settings)
    except MinilmError as error:
        raise MinilmError(f"{folder}: {error}") from None


def _ours(description: dict[str, Any], settings: dict[str, Any]) -> Tokenizer | None:
    """The tokenizer of a run of ours that comes back; None if that would not be all of it."""
    if description == _described(BytesTokenizer()):
        return BytesTokenizer()
    try:
        found = BPETokenizer.from_dict(description)
    except MinilmError:
        return None
    end = END_OF_TEXT if found.end_of_text is not None else None
    same = settings.get("eos_token") == end and found.to_dict() == description
    return found if same else None


def write(tokenizer: Tokenizer, folder: Path, block_size: int) -> None:
    """Write the tokenizer as ``tokenizer.json`` and ``tokenizer_config.json``."""
    settings: dict[str, Any]
    if isinstance(tokenizer, HuggingFaceTokenizer):
        description, settings = tokenizer.description, dict(tokenizer.settings)
    elif isinstance(tokenizer, BytesTokenizer | CharTokenizer | BPETokenizer):
        description = (
            tokenizer.to_dict() if isinstance(tokenizer, BPETokenizer) else _described(tokenizer)
        )
        settings = {"clean_up_tokenization_spaces": False}
        if tokenizer.end_of_text is not None:
            end = tokenizer.decode([tokenizer.end_of_text])
            settings |= {"eos_token": end, "bos_token": end}
    else:
        raise MinilmError(f"a tokenizer of kind {tokenizer.kind} cannot be exported")
    settings.setdefault("tokenizer_class", "PreTrainedTokenizerFast")
    settings.setdefault("model_max_length", block_size)
    for name, content in ((TOKENIZER, description), (SETTINGS, settings)):
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


def _byte_level(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(MinilmError):  # the package may still make sense of it
        return gpt2_files.read(folder).to_dict()
    from_file = _package("ByteLevelBPETokenizer")
    paths = [str(folder / "vocab.json"), str(folder / "merges.txt")]
    return _description(folder, lambda: from_file.from_file(*paths))


def _word_piece(folder: Path, *, lowercase: bool) -> dict[str, Any]:
    kind = _package("BertWordPieceTokenizer")
    path = str(folder / "vocab.txt")
    return _description(folder, lambda: kind(path, lowercase=lowercase))


def _package(name: str) -> Any:
    try:
        import tokenizers
    except ImportError:
        raise MinilmError(
            "the folder has no tokenizer.json; reading the older files needs the package "
            "tokenizers: pip install 'minilm[hf]'"
        ) from None
    return getattr(tokenizers, name)


def _description(folder: Path, make: Any) -> dict[str, Any]:
    try:
        return dict(json.loads(make()._tokenizer.to_str()))
    except Exception as error:  # the package raises Exception itself
        raise MinilmError(f"{folder}: the vocabulary cannot be read: {error}") from None


def _described(tokenizer: BytesTokenizer | CharTokenizer) -> dict[str, Any]:
    """Our tokenizers as BPE without merges, whose tokens are the single bytes or characters."""
    added = [
        {
            "id": token,
            "content": name,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for name, token in tokenizer.special_tokens.items()
    ]
    split: dict[str, Any]
    if isinstance(tokenizer, BytesTokenizer):
        vocabulary = byte_letters()
        split = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
        split["trim_offsets"] = True
        decoder: dict[str, Any] = split
    else:
        ordinary = tokenizer.vocab_size - len(added)
        vocabulary = {tokenizer.decode([token]): token for token in range(ordinary)}
        split = {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated"}
        split["invert"] = False
        decoder = {"type": "Fuse"}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": split,
        "post_processor": None,
        "decoder": decoder,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary | tokenizer.special_tokens,
            "merges": [],
        },
    }
