"""Files in blocks: the ids of the whole, errors with their place, little memory."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.errors import MinilmError
from minilm.tokenizers import BPETokenizer
from minilm.tokenizers.bpe import streaming

SPECIALS = ["<|endoftext|>", "aa", "<a"]
parts = st.sampled_from(
    ["the ", "cat", "\n\n", "  ", " 12", "é", "猫", "<|endoftext|>", "aaa", "<", "!"]
)
texts = st.lists(parts, max_size=60).map("".join)


@pytest.fixture(scope="module", params=["gpt2", "cl100k"])
def tokenizer(request: pytest.FixtureRequest) -> BPETokenizer:
    text = "the cat sat\n\n on 12 mats é 猫 !!\n" * 3
    return BPETokenizer.train([text], 300, pattern=request.param, special_tokens=SPECIALS)


def ids_of_file(tokenizer: BPETokenizer, path: Path, **options) -> list[int]:
    return [i for array in tokenizer.encode_file(path, **options) for i in array.tolist()]


@settings(max_examples=200)
@given(texts, st.integers(1, 40), st.sampled_from(["plain", "honour"]), st.sampled_from([1, 2]))
def test_blocks_of_any_size_give_the_ids_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    tokenizer: BPETokenizer,
    text: str,
    size: int,
    special: str,
    threads: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "text.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "BLOCK", size)
        found = ids_of_file(tokenizer, path, special=special, threads=threads)
    assert found == tokenizer.encode(text, special=special).tolist()


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from([b"a", b" ", b"\xff", b"\xe7\x8c", b"\xab", b"\n", b"\xed\xa0\x80"]))
)
def test_bytes_that_are_not_utf8_are_replaced_as_in_the_whole(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: BPETokenizer, pieces: list[bytes]
) -> None:
    data = b"".join(pieces)
    path = tmp_path_factory.getbasetemp() / "broken.txt"
    path.write_bytes(data)
    expected = tokenizer.encode(data.decode("utf-8", "replace")).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "BLOCK", 5)
        assert ids_of_file(tokenizer, path, errors="replace") == expected


def test_blocks_are_not_longer_than_they_must_be() -> None:
    found = list(streaming.blocks(io.BytesIO(b"one two three four five"), "x", size=6))
    assert b"".join(found) == b"one two three four five"
    assert max(map(len, found)) <= 12
    assert found[0] == b"one"


def test_the_place_of_a_wrong_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 4)
    path = tmp_path / "text.txt"
    tokenizer = BPETokenizer.train(["ab"], 257)
    path.write_bytes(b"one\ntwo\nthree \xed\xa0\x80 four")
    with pytest.raises(MinilmError, match=r"is not UTF-8: byte 0xed at byte 14, line 3 \(invalid"):
        ids_of_file(tokenizer, path)
    path.write_bytes("one\nhalf é".encode()[:-1])
    with pytest.raises(MinilmError, match="byte 0xc3 at byte 9, line 2"):
        ids_of_file(tokenizer, path)


def test_special_tokens_are_refused_with_their_line(
    tmp_path: Path, tokenizer: BPETokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 8)
    path = tmp_path / "text.txt"
    path.write_text("one\ntwo\nthree four five <|endoftext|> six\n")
    with pytest.raises(
        MinilmError, match=r"text\.txt has the special token '<\|endoftext\|>' in line 3"
    ):
        ids_of_file(tokenizer, path, special="refuse")


def test_a_file_that_no_cut_is_possible_in(
    tmp_path: Path, tokenizer: BPETokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("x" * 2000)
    monkeypatch.setattr(streaming, "BLOCK", 100)
    assert ids_of_file(tokenizer, path) == tokenizer.encode("x" * 2000).tolist()
    monkeypatch.setattr(streaming, "LONGEST", 1000)
    with pytest.raises(MinilmError, match="has 1,100 bytes in which no word ends"):
        ids_of_file(tokenizer, path)


def test_no_such_file_and_an_empty_one(tmp_path: Path, tokenizer: BPETokenizer) -> None:
    with pytest.raises(MinilmError, match=r"cannot read .*: no such file"):
        ids_of_file(tokenizer, tmp_path / "none")
    with pytest.raises(MinilmError, match=r"cannot read .*: is a directory"):
        ids_of_file(tokenizer, tmp_path)
    (tmp_path / "empty").touch()
    assert ids_of_file(tokenizer, tmp_path / "empty") == []


def test_a_block_is_all_that_is_held(tmp_path: Path, tokenizer: BPETokenizer) -> None:
    """Arrays come while the file is still being read."""
    path = tmp_path / "text.txt"
    path.write_bytes(b"the cat sat on the mat\n" * 400_000)
    sizes = [len(array) for array in tokenizer.encode_file(path)]
    assert sum(sizes) == 400_000 * len(tokenizer.encode("the cat sat on the mat\n"))
    assert max(sizes) <= streaming.BLOCK
