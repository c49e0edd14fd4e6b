from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus import Document
from minilm.errors import MinilmError
from minilm.tokenizers import END_OF_TEXT, BytesTokenizer, CharTokenizer, build, load
from minilm.tokenizers.registry import _parse

GOOD = {
    "format": "minilm tokenizer",
    "version": 1,
    "type": "chars",
    "characters": "ab",
    "special_tokens": [],
}


def documents(*texts: str) -> list[Document]:
    return [Document(str(i), text, "x") for i, text in enumerate(texts)]


def test_build():
    assert isinstance(build("bytes", []), BytesTokenizer)
    one = build("chars", iter(documents("ba")))
    assert isinstance(one, CharTokenizer)
    assert (one.vocab_size, one.end_of_text) == (2, None)
    two = build("chars", iter(documents("ba", "c")))
    assert (two.vocab_size, two.end_of_text) == (4, 3)


@pytest.mark.parametrize(("name", "end"), [("byte", "did you mean 'bytes'"), ("", "choose from")])
def test_unknown_name(name, end):
    with pytest.raises(MinilmError, match=f"no tokenizer '{name}'; {end}"):
        build(name, documents("a"))


@pytest.mark.parametrize(
    "tokenizer",
    [
        BytesTokenizer(),
        BytesTokenizer(()),
        BytesTokenizer(("<mask>", END_OF_TEXT)),
        CharTokenizer('\0\n"\\aé\u2028😀'),
        CharTokenizer("ab", ("é", END_OF_TEXT)),
    ],
)
def test_saved_and_loaded(tmp_path, tokenizer):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    again = load(str(path))
    assert type(again) is type(tokenizer)
    assert again.special_tokens == tokenizer.special_tokens
    assert again.end_of_text == tokenizer.end_of_text
    ids = range(tokenizer.vocab_size)
    assert [again.token_bytes(i) for i in ids] == [tokenizer.token_bytes(i) for i in ids]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b'{"version": ' + b"9" * 9999 + b"}", "it is not JSON"),
        (b"[]", 'it has no "format": "minilm tokenizer"'),
        (b"{}", 'it has no "format": "minilm tokenizer"'),
        ({"version": 2}, "its version is 2; this program reads 1"),
        ({"version": None}, "its version is None"),
        ({"type": "char"}, "its type is 'char'; did you mean 'chars'"),
        ({"type": ["chars"]}, r"its type is \['chars'\]"),
        ({"characters": None}, "'characters' is missing or not a string"),
        ({"characters": ["a"]}, "'characters' is missing or not a string"),
        ({"characters": ""}, "no characters"),
        ({"characters": "ba"}, "the characters of a vocabulary must be in rising order"),
        ({"characters": "\ud800"}, r"the text has the character U\+D800"),
        ({"special_tokens": None}, "'special_tokens' is missing or not a list of strings"),
        ({"special_tokens": [1]}, "'special_tokens' is missing or not a list of strings"),
        ({"special_tokens": ["a", "a"]}, "special tokens must have names"),
    ],
)
def test_damaged_files(tmp_path, data, reason):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps({**GOOD, **data}).encode())
    with pytest.raises(MinilmError, match=f"not a tokenizer that can be read: {reason}") as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["bytes", "chars"])
@pytest.mark.parametrize("name", ["characters", "special_tokens"])
def test_missing_fields(kind, name):
    fields = {**GOOD, "type": kind}
    del fields[name]
    if (kind, name) == ("bytes", "characters"):
        assert _parse(json.dumps(fields).encode()).vocab_size == 256
        return
    with pytest.raises(MinilmError, match=f"'{name}' is missing"):
        _parse(json.dumps(fields).encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.sampled_from(["chars", 1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(list(GOOD)), json_values))
def test_any_fields_give_a_tokenizer_or_an_error(fields):
    try:
        tokenizer = _parse(json.dumps({**GOOD, **fields}).encode())
    except MinilmError:
        return
    assert tokenizer.decode(range(tokenizer.vocab_size))


def test_missing_file(tmp_path):
    with pytest.raises(MinilmError, match=r"cannot read the tokenizer .*no such file"):
        load(tmp_path / "tokenizer.json")
