"""tokenizer.json and GPT-2's two files: there and back, and what is wrong with bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.errors import MinilmError
from minilm.tokenizers import BPETokenizer, load
from minilm.tokenizers.bpe import description, gpt2_files
from minilm.tokenizers.hugging_face import HuggingFaceTokenizer

TEXT = "the cat sat on the mat, and the dog sat on the log; 1234 naïve 猫 😀\n" * 3
SAMPLE = TEXT + "  <|x|>  don't \x00"


def trained(pattern: str = "gpt2") -> BPETokenizer:
    special = ["<|x|>", "<|endoftext|>"]
    return BPETokenizer.train([TEXT], 300, pattern=pattern, special_tokens=special)


def same(one: BPETokenizer, other: Any) -> bool:
    assert isinstance(other, BPETokenizer)
    ids = range(one.vocab_size)
    return (
        [one.token_bytes(i) for i in ids] == [other.token_bytes(i) for i in ids]
        and one.vocab_size == other.vocab_size
        and (one.pattern, one.special_tokens, one.end_of_text)
        == (other.pattern, other.special_tokens, other.end_of_text)
        and one.encode(SAMPLE).tolist() == other.encode(SAMPLE).tolist()
    )


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k"])
def test_tokenizer_json(tmp_path: Path, pattern: str) -> None:
    tokenizer = trained(pattern)
    tokenizer.save(tmp_path / "tokenizer.json")
    again = load(tmp_path / "tokenizer.json")
    assert same(tokenizer, again)
    assert again.to_json() == tokenizer.to_json()
    assert same(tokenizer, load(tmp_path))


def test_the_files_of_gpt2(tmp_path: Path) -> None:
    tokenizer = trained()
    gpt2_files.write(tokenizer, tmp_path / "new" / "folder")
    assert same(tokenizer, gpt2_files.read(tmp_path / "new" / "folder"))
    assert same(tokenizer, load(tmp_path / "new" / "folder"))
    merges = (tmp_path / "new" / "folder" / "merges.txt").read_text(encoding="utf-8")
    assert merges.startswith("#version: 0.2\n")
    vocab = json.loads((tmp_path / "new" / "folder" / "vocab.json").read_bytes())
    assert vocab["<|endoftext|>"] == tokenizer.vocab_size - 1
    assert vocab["Ġ"] == 220


def test_other_ways_to_write_the_same(tmp_path: Path) -> None:
    """No version line, carriage returns, escapes in the vocabulary; merges as strings."""
    tokenizer = trained()
    gpt2_files.write(tokenizer, tmp_path)
    merges = (tmp_path / "merges.txt").read_text(encoding="utf-8").split("\n")[1:]
    (tmp_path / "merges.txt").write_bytes("\r\n".join(merges).encode())
    vocab = json.loads((tmp_path / "vocab.json").read_bytes())
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    assert same(tokenizer, gpt2_files.read(tmp_path / "vocab.json", tmp_path / "merges.txt"))
    fields = tokenizer.to_dict()
    fields["model"]["merges"] = [" ".join(pair) for pair in fields["model"]["merges"]]
    del fields["pre_tokenizer"]["use_regex"], fields["model"]["ignore_merges"]
    assert same(tokenizer, BPETokenizer.from_dict(fields))


def test_special_tokens_in_front_and_gaps_between_ids(tmp_path: Path) -> None:
    fields = trained().to_dict()
    model = fields["model"]
    moved = {"<|x|>": 0, "<|endoftext|>": 2}
    vocab = {token: i + 5 for token, i in model["vocab"].items() if token not in moved}
    model["vocab"] = vocab
    for token in fields["added_tokens"]:
        token["id"] = moved[token["content"]]
    (tmp_path / "tokenizer.json").write_text(json.dumps(fields))
    tokenizer = load(tmp_path)
    assert isinstance(tokenizer, BPETokenizer)
    assert tokenizer.special_tokens == moved
    assert tokenizer.end_of_text == 2
    assert [tokenizer.token_bytes(i) for i in range(6)] == [
        b"<|x|>",
        b"",
        b"<|endoftext|>",
        b"",
        b"",
        b"!",
    ]
    assert tokenizer.decode(tokenizer.encode(SAMPLE)) == SAMPLE
    expected = [i + 5 for i in trained().encode(SAMPLE).tolist()]
    assert tokenizer.encode(SAMPLE).tolist() == expected
    assert tokenizer.encode("<|x|>a", special="honour").tolist()[0] == 0


def changed(path: str, value: Any) -> dict[str, Any]:
    fields = trained().to_dict()
    at: Any = fields
    *names, last = path.split(".")
    for name in names:
        at = at[int(name)] if name.isdigit() else at[name]
    at[int(last) if last.isdigit() else last] = value
    return fields


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("normalizer", {"type": "NFC"}),
        ("pre_tokenizer", None),
        ("pre_tokenizer", {"type": "Whitespace"}),
        ("pre_tokenizer.use_regex", False),
        ("pre_tokenizer.add_prefix_space", True),
        ("post_processor", {"type": "TemplateProcessing"}),
        ("decoder", None),
        ("decoder.type", "WordPiece"),
        ("model.dropout", 0.1),
        ("model.ignore_merges", True),
        ("model.end_of_word_suffix", "</w>"),
        ("model.continuing_subword_prefix", "##"),
        ("model.vocab.\u2581", 999),
        ("added_tokens.0.special", False),
        ("added_tokens.0.lstrip", True),
        ("added_tokens.0.single_word", True),
    ],
)
def test_what_is_not_ours_is_left_to_the_other_package(
    tmp_path: Path, path: str, value: Any
) -> None:
    fields = changed(path, value)
    with pytest.raises(description.Unsupported):
        BPETokenizer.from_dict(fields)
    (tmp_path / "tokenizer.json").write_text(json.dumps(fields))
    other = load(tmp_path)
    assert isinstance(other, HuggingFaceTokenizer)
    assert other.end_of_text == trained().end_of_text


def test_another_pattern_is_not_taken_for_one_of_ours() -> None:
    fields = trained("cl100k").to_dict()
    fields["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] += "|x"
    with pytest.raises(description.Unsupported, match="not cut by the pattern"):
        BPETokenizer.from_dict(fields)


def test_a_vocabulary_without_all_bytes_is_not_ours() -> None:
    fields = trained().to_dict()
    del fields["model"]["vocab"]["Ā"]
    with pytest.raises(description.Unsupported, match="not all 256 bytes"):
        BPETokenizer.from_dict(fields)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model.merges", None, "no 'vocab' or no 'merges'"),
        ("model.vocab", [], "no 'vocab' or no 'merges'"),
        ("model.vocab.the", 1.5, "'the' has the id 1.5"),
        ("model.vocab.the", -1, "'the' has the id -1"),
        ("model.vocab.the", 2**40, "'the' has the id"),
        ("model.vocab.new", 3, "two tokens have the same id"),
        ("model.merges.0", ["a"], r"\['a'\] is not a pair"),
        ("model.merges.0", "a b c", "'a b c' is not a pair"),
        ("model.merges.0", [1, 2], "is not a pair"),
        ("model.merges.0", ["a", "none"], "merge 1 joins 'a' and 'none', not both in 'vocab'"),
        ("model.merges.0", ["z", "q"], "merge 1 makes b'zq', which is not in the vocabulary"),
        ("added_tokens.0", {"id": 3}, "an entry without content"),
        ("added_tokens.0.id", None, "has the id None"),
    ],
)
def test_damaged_files(tmp_path: Path, path: str, value: Any, message: str) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(changed(path, value)))
    with pytest.raises(MinilmError, match=message) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "tokenizer.json"))


def test_a_pair_that_is_learned_twice() -> None:
    fields = trained().to_dict()
    fields["model"]["merges"].append(fields["model"]["merges"][0])
    with pytest.raises(MinilmError, match="a pair is in 'merges' twice"):
        BPETokenizer.from_dict(fields)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=5,
)
PATHS = [
    "pre_tokenizer",
    "decoder",
    "added_tokens",
    "model.vocab",
    "model.merges",
    "model.merges.0",
]
PATHS += ["model.vocab.the", "added_tokens.0", "added_tokens.0.content", "model", "normalizer"]


@given(st.sampled_from(PATHS), json_values)
def test_any_content_gives_a_tokenizer_or_an_error(path: str, value: Any) -> None:
    try:
        tokenizer = BPETokenizer.from_dict(changed(path, value))
    except MinilmError:
        return
    assert tokenizer.decode(tokenizer.encode(SAMPLE)) == SAMPLE


@pytest.mark.parametrize(
    ("vocab", "merges", "message"),
    [
        (b"{", b"", "vocab.json is not JSON"),
        (b"\xff", b"", "vocab.json is not UTF-8 at byte 0"),
        (b"[]", b"", "vocab.json is not an object"),
        (b"{}", b"", "not all 256 bytes"),
        (None, b"#version: 0.2\na\n", "merges.txt, line 2: 'a' is not two tokens"),
        (None, b"a b c", "line 1: 'a b c' is not two tokens"),
        (None, b"a b\n#version: 0.2", "merge 2 joins '#version:'"),
    ],
)
def test_damaged_files_of_gpt2(
    tmp_path: Path, vocab: bytes | None, merges: bytes, message: str
) -> None:
    gpt2_files.write(trained(), tmp_path)
    if vocab is not None:
        (tmp_path / "vocab.json").write_bytes(vocab)
    (tmp_path / "merges.txt").write_bytes(merges)
    with pytest.raises(MinilmError, match=message):
        gpt2_files.read(tmp_path)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=r"cannot read the tokenizer .*tokenizer\.json: no such"):
        load(tmp_path)
    gpt2_files.write(trained(), tmp_path)
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(MinilmError, match=r"cannot read .*merges\.txt: no such file"):
        load(tmp_path)


def test_the_files_of_gpt2_cannot_name_another_pattern(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match="cannot say that text is cut by the pattern 'cl100k'"):
        gpt2_files.write(trained("cl100k"), tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(MinilmError, match="cannot make the folder"):
        gpt2_files.write(trained(), tmp_path / "file")
