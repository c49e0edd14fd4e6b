from __future__ import annotations

import json
import os

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.tokenizers import END_OF_TEXT, BytesTokenizer, CharTokenizer, load


def test_special_tokens_follow_the_table():
    tokenizer = CharTokenizer("ab", ("<mask>", END_OF_TEXT))
    assert tokenizer.special_tokens == {"<mask>": 2, END_OF_TEXT: 3}
    assert tokenizer.end_of_text == 3
    assert tokenizer.vocab_size == 4
    assert tokenizer.token_bytes(2) == b"<mask>"
    assert tokenizer.decode([0, 2, 3, 1]) == "a<mask><|endoftext|>b"


@pytest.mark.parametrize("special_tokens", [("x", "x"), ("",)])
def test_impossible_special_tokens(special_tokens):
    with pytest.raises(MinilmError, match="special tokens must have names"):
        BytesTokenizer(special_tokens)


def test_text_never_becomes_a_special_token():
    ids = BytesTokenizer().encode(END_OF_TEXT)
    assert ids.max() < 256
    assert len(ids) == 13
    assert BytesTokenizer().decode(ids) == END_OF_TEXT


@pytest.mark.parametrize("kind", [list, np.array, lambda ids: np.array(ids, np.uint16)])
def test_ids_come_as_lists_or_arrays(kind):
    assert BytesTokenizer().decode(kind([104, 105])) == "hi"


@pytest.mark.parametrize("ids", [[], np.zeros(0), np.zeros(0, np.int64)])
def test_no_ids(ids):
    assert BytesTokenizer().decode(ids) == ""


@pytest.mark.parametrize("token", [-1, 257, 10**12])
def test_ids_outside_the_vocabulary(token):
    tokenizer = BytesTokenizer()
    for call in (tokenizer.decode, tokenizer.decode_bytes):
        with pytest.raises(MinilmError, match=f"no token {token} in a vocabulary of 257"):
            call([1, token, 2])
    with pytest.raises(MinilmError, match=f"no token {token}"):
        tokenizer.token_bytes(token)


@pytest.mark.parametrize("ids", [[1.0], [[1]], ["a"], [True]])
def test_ids_that_are_no_ids(ids):
    with pytest.raises(TypeError, match="ids must be integers"):
        BytesTokenizer().decode(ids)


def test_equal_tokenizers_write_equal_files(tmp_path):
    for name in ("one.json", "two.json"):
        CharTokenizer.train(["zébra\n"], with_end_of_text=True).save(tmp_path / name)
    data = (tmp_path / "one.json").read_bytes()
    assert data == (tmp_path / "two.json").read_bytes()
    assert json.loads(data) == {
        "format": "minilm tokenizer",
        "version": 1,
        "type": "chars",
        "characters": "\nabrzé",
        "special_tokens": [END_OF_TEXT],
    }
    assert sorted(os.listdir(tmp_path)) == ["one.json", "two.json"]


def test_a_failed_save_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    BytesTokenizer().save(path)

    def full(self, data):
        with open(self, "wb") as file:
            file.write(data[:5])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(MinilmError, match="no space left on device"):
            CharTokenizer("ab").save(path)
    assert load(path).kind == "bytes"
    assert os.listdir(tmp_path) == ["tokenizer.json"]


def test_save_into_a_missing_folder(tmp_path):
    with pytest.raises(MinilmError, match=r"cannot write .*no such file or directory"):
        BytesTokenizer().save(tmp_path / "none" / "tokenizer.json")
