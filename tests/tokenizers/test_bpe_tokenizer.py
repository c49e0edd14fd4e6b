"""The tokenizer as it is used: texts there and back, options, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm import backend
from minilm.errors import MinilmError
from minilm.tokenizers import END_OF_TEXT, BPETokenizer, StreamDecoder, build
from minilm.tokenizers.bpe import engine

TEXT = "the cat sat on the mat, and the dog sat on the log; 1234 naïve 猫 😀\n" * 3
texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text("the cat\n \t'sé1", max_size=80)


@pytest.fixture(scope="module", params=["gpt2", "cl100k"])
def tokenizer(request: pytest.FixtureRequest) -> BPETokenizer:
    return BPETokenizer.train([TEXT], 300, pattern=request.param)


@given(texts)
def test_text_survives(tokenizer: BPETokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids.dtype == np.uint16
    assert tokenizer.decode(ids) == text
    decoder = StreamDecoder(tokenizer)
    assert "".join([*(decoder.feed([i]) for i in ids.tolist()), decoder.flush()]) == text


@given(texts)
def test_both_twins_give_the_same_ids(tokenizer: BPETokenizer, text: str) -> None:
    with backend.using("reference"):
        expected = tokenizer.encode(text).tolist()
    assert tokenizer.encode(text).tolist() == expected


@given(st.binary(max_size=60))
def test_any_bytes_survive(tokenizer: BPETokenizer, data: bytes) -> None:
    assert tokenizer.decode_bytes(tokenizer.encode_bytes(data)) == data


def test_every_byte_is_a_token_in_the_order_of_gpt2(tokenizer: BPETokenizer) -> None:
    singles = [tokenizer.token_bytes(i) for i in range(256)]
    assert set(singles) == {bytes([value]) for value in range(256)}
    assert singles[:3] == [b"!", b'"', b"#"]
    assert singles[188:190] == [b"\x00", b"\x01"]
    assert tokenizer.token_bytes(220) == b" "


def test_what_is_learned() -> None:
    tokenizer = BPETokenizer.train(["low lower lowest, slow slower"], 261)
    learned = [tokenizer.token_bytes(i) for i in range(256, 260)]
    assert learned == [b"lo", b"low", b"lowe", b" s"]
    assert tokenizer.special_tokens == {END_OF_TEXT: 260}
    assert tokenizer.end_of_text == 260
    assert tokenizer.vocab_size == 261
    assert tokenizer.decode([260]) == END_OF_TEXT


def test_texts_are_learned_one_by_one() -> None:
    apart = BPETokenizer.train(["xa", "bx"] * 5, 300)
    assert [apart.token_bytes(i) for i in range(256, apart.vocab_size)] == [
        b"bx",
        b"xa",
        b"<|endoftext|>",
    ]


def test_too_little_text_for_the_size() -> None:
    tokenizer = BPETokenizer.train(["abab"], 1000)
    assert tokenizer.vocab_size == 256 + 2 + 1
    assert BPETokenizer.train(["ab cb"], 1000, min_frequency=2).vocab_size == 257


def test_special_tokens_take_the_last_ids_in_their_order() -> None:
    tokenizer = BPETokenizer.train(["abab"], 259, special_tokens=["<a>", END_OF_TEXT, "<b>"])
    assert tokenizer.special_tokens == {"<a>": 256, END_OF_TEXT: 257, "<b>": 258}
    assert BPETokenizer.train(["abab"], 256, special_tokens=[]).end_of_text is None


def test_build_plugs_it_in() -> None:
    class Text:
        text = TEXT

    assert build("bpe", [Text()], 300).encode("the").tolist() == (
        BPETokenizer.train([TEXT], 300).encode("the").tolist()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocab_size": 256}, r"a vocabulary of 256: must be from 257 \(256 bytes and 1 special"),
        ({"vocab_size": 2**24 + 1}, "a vocabulary of 16777217"),
        ({"pattern": "gpt3"}, "no pattern 'gpt3'; did you mean 'gpt2'"),
        ({"special_tokens": ["x", "x"]}, "special tokens must have names"),
        ({"special_tokens": [""]}, "special tokens must have names"),
        ({"special_tokens": ["the"]}, "'the' is also an ordinary token"),
        ({"special_tokens": ["a"]}, "'a' is also an ordinary token"),
        ({"special_tokens": ["\ud800"]}, r"U\+D800"),
    ],
)
def test_what_training_refuses(options: dict, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        BPETokenizer.train(["the the"], **{"vocab_size": 300, **options})


def test_half_of_a_surrogate_pair() -> None:
    tokenizer = BPETokenizer.train(["ab"], 257)
    for text in ("ab\n\ud83d", "ab\n\udc80x"):
        with pytest.raises(MinilmError, match=r"\(U\+D[8C][38][D0]\) at position 3, line 2"):
            tokenizer.encode(text)
        with pytest.raises(MinilmError, match="position 3, line 2"):
            BPETokenizer.train([text], 257)
        assert tokenizer.decode(tokenizer.encode(text, errors="replace")) == "ab\n\ufffd" + text[4:]
    pair = tokenizer.encode("\ud83d\ude00", errors="replace")
    assert tokenizer.decode(pair) == "😀"
    with pytest.raises(MinilmError, match="errors = 'ignore': choose from strict, replace"):
        tokenizer.encode("a", errors="ignore")


SPECIALS = ["<|endoftext|>", "<|end", "<|x|>"]


@pytest.fixture(scope="module")
def with_specials() -> BPETokenizer:
    return BPETokenizer.train([TEXT], 300, special_tokens=SPECIALS)


def test_special_tokens_in_text_are_plain_refused_or_honoured(with_specials: BPETokenizer) -> None:
    text = "a <|endoftext|><|x|>\n <|endof"
    plain = with_specials.encode(text)
    assert not set(plain.tolist()) & set(with_specials.special_tokens.values())
    assert with_specials.decode(plain) == text
    with pytest.raises(MinilmError, match=r"the special token '<\|endoftext\|>' in line 1"):
        with_specials.encode(text, special="refuse")
    with pytest.raises(MinilmError, match=r"the special token '<\|x\|>' in line 3"):
        with_specials.encode("a\n\n<|x|>", special="refuse")
    assert (
        with_specials.encode("a|", special="refuse").tolist() == with_specials.encode("a|").tolist()
    )
    honoured = with_specials.encode(text, special="honour")
    end, start, x = (with_specials.special_tokens[name] for name in SPECIALS)
    pieces = ["a ", end, x, "\n ", start, "of"]
    expected = [[p] if isinstance(p, int) else with_specials.encode(p).tolist() for p in pieces]
    assert honoured.tolist() == [i for part in expected for i in part]
    assert honoured.dtype == with_specials.dtype
    with pytest.raises(MinilmError, match="special = 'allow': choose from plain, refuse, honour"):
        with_specials.encode("a", special="allow")  # type: ignore[arg-type]


def test_no_special_tokens_at_all() -> None:
    tokenizer = BPETokenizer.train(["ab"], 256, special_tokens=[])
    for mode in ("plain", "refuse", "honour"):
        assert tokenizer.decode(tokenizer.encode("<|x|>", special=mode)) == "<|x|>"
        assert tokenizer.encode("", special=mode).shape == (0,)


@pytest.mark.parametrize("special", ["plain", "honour"])
def test_threads_do_not_change_the_ids(
    special: str, with_specials: BPETokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minilm.tokenizers.bpe.streaming.BLOCK", 37)
    text = (TEXT + "<|endoftext|>" + "x" * 100 + "<|x|>") * 5
    expected = with_specials.encode(text, special=special)
    for threads in (2, 3):
        found = with_specials.encode(text, special=special, threads=threads)
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()
    assert with_specials.encode("", threads=2).shape == (0,)


def test_few_blocks_wait() -> None:
    """A thread that is slow must not let the text pile up in memory."""
    taken = 0

    def blocks():
        nonlocal taken
        for _ in range(50):
            taken += 1
            yield b"a"

    found = engine.in_order(lambda data: np.array([1]), blocks(), 2)
    next(found)
    assert taken <= 4
    assert len(list(found)) == 49


def test_a_megabyte_without_a_space(tokenizer: BPETokenizer) -> None:
    generator = np.random.default_rng(0)
    letters = generator.choice(np.frombuffer(b"thecasont", np.uint8), 10**6).tobytes()
    for data in (letters, b"a" * 10**6, b"the" * 333_333, b" " * 10**6):
        assert tokenizer.decode_bytes(tokenizer.encode(data.decode())) == data
