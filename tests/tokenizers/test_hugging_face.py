"""Tokenizers of other libraries: what each id stands for, and the ids of the package itself."""

import json

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.tokenizers import load
from minilm.tokenizers.hugging_face import HuggingFaceTokenizer
from minilm.tokenizers.letters import byte_letters


def special(i: int, name: str) -> dict:
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": i, "content": name, "special": True, **plain}


BYTE_LEVEL = {
    "added_tokens": [special(5, "<|end|>")],
    "pre_tokenizer": {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    },
    "decoder": {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    },
    "model": {
        "type": "BPE",
        "vocab": {"a": 0, "b": 1, "Ġ": 2, "Ãī": 3, "ab": 4},
        "merges": [["a", "b"]],
    },
}
WORD_PIECE = {
    "added_tokens": [special(0, "[CLS]"), special(1, "[SEP]")],
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ],
        "pair": [
            {"Sequence": {"id": "A", "type_id": 0}},
            {"Sequence": {"id": "B", "type_id": 1}},
        ],
        "special_tokens": {
            "[CLS]": {"id": "[CLS]", "ids": [0], "tokens": ["[CLS]"]},
            "[SEP]": {"id": "[SEP]", "ids": [1], "tokens": ["[SEP]"]},
        },
    },
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "model": {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {"[CLS]": 0, "[SEP]": 1, "[UNK]": 2, "play": 3, "##ing": 4},
    },
}
SENTENCE_PIECE = {
    "added_tokens": [special(0, "</s>")],
    "decoder": {"type": "ByteFallback"},
    "model": {"type": "BPE", "vocab": {"</s>": 0, "\u2581the": 1, "<0xC3>": 2, "<0x89>": 3}},
}


def test_bytes_of_byte_level_tokens() -> None:
    tokenizer = HuggingFaceTokenizer(BYTE_LEVEL, {"eos_token": "<|end|>"})
    assert tokenizer.vocab_size == 6
    assert tokenizer.decode_bytes([4, 2, 3]) == b"ab \xc3\x89"
    assert tokenizer.decode([4, 2, 3, 5]) == "ab É<|end|>"
    assert tokenizer.end_of_text == 5
    assert tokenizer.decode_bytes(np.array([0, 6, 99])) == b"a"


def test_every_byte_has_a_letter_of_its_own() -> None:
    letters = byte_letters()
    assert sorted(letters.values()) == list(range(256))
    assert letters["a"] == ord("a")
    assert letters["Ġ"] == ord(" ")
    assert letters["Ċ"] == ord("\n")


def test_bytes_of_other_tokens() -> None:
    pieces = HuggingFaceTokenizer(WORD_PIECE, {})
    assert pieces.decode([3, 4, 3]) == " playing play"
    assert pieces.end_of_text is None
    words = HuggingFaceTokenizer(SENTENCE_PIECE, {"eos_token": {"content": "</s>"}})
    assert words.decode([1, 2, 3]) == " theÉ"
    assert words.end_of_text == 0


def test_the_file_round_trips(tmp_path) -> None:
    tokenizer = HuggingFaceTokenizer(BYTE_LEVEL, {"eos_token": "<|end|>"})
    tokenizer.save(tmp_path / "tokenizer.json")
    again = load(tmp_path / "tokenizer.json")
    assert again.to_dict() == tokenizer.to_dict()
    assert isinstance(again, HuggingFaceTokenizer)


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"model": None},
        {"model": {"vocab": None}},
        {"model": {"vocab": {}}},
        {"model": {"vocab": {"a": "0"}}},
        {"model": {"vocab": {"a": -1}}},
        {"model": {"vocab": {"a": 2**60}}},
        {"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "b"}]},
        {"model": {"vocab": {"a": 0}}, "added_tokens": 7},
        {"model": {"vocab": {"a": 0}}, "added_tokens": [None]},
        {"model": {"vocab": [["a", 0.1], None]}},
        {"model": {"vocab": [7]}},
    ],
)
def test_unsound_descriptions(description: dict) -> None:
    with pytest.raises(MinilmError, match="vocabulary"):
        HuggingFaceTokenizer(description, {})


def test_from_dict_needs_objects() -> None:
    with pytest.raises(MinilmError, match="not an object"):
        HuggingFaceTokenizer.from_dict({"tokenizer": 1, "settings": {}})


def test_encoding_needs_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(MinilmError, match=r"pip install 'minilm\[hf\]'"):
        HuggingFaceTokenizer(BYTE_LEVEL, {}).encode("a")


@pytest.mark.oracle
def test_ids_are_those_of_the_package() -> None:
    pytest.importorskip("tokenizers")
    tokenizer = HuggingFaceTokenizer(BYTE_LEVEL, {})
    assert tokenizer.encode("ab ab").tolist() == [4, 2, 4]
    assert tokenizer.encode("").tolist() == []
    pieces = HuggingFaceTokenizer(WORD_PIECE, {})
    assert pieces.encode("playing play").tolist() == [3, 4, 3]
    assert pieces.encode_whole("playing").tolist() == [0, 3, 4, 1]
    broken = json.loads(json.dumps(WORD_PIECE))
    broken["model"]["type"] = "Nonsense"
    with pytest.raises(MinilmError, match="not sound"):
        HuggingFaceTokenizer(broken, {}).encode("a")
