"""The middle moved to the end and back: the source's bytes, whatever the text is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm import rng
from minilm.errors import MinilmError
from minilm.objectives.middle import (
    MIDDLE,
    PREFIX,
    SUFFIX,
    Cut,
    Marks,
    Parts,
    cut,
    encode,
    restore,
)
from minilm.tokenizers import END_OF_TEXT, BPETokenizer, BytesTokenizer, CharTokenizer

MARKS = (END_OF_TEXT, PREFIX, SUFFIX, MIDDLE)
BYTES = BytesTokenizer(MARKS)
CODE = "def f(self):\r\n    return self.value  # <|fim_middle|>\n" * 3
BPE = BPETokenizer.train([CODE, "größer 😀😀 日本語"], 330, special_tokens=MARKS)
# Look-alikes of the marks, line ends, and a character of each plane that has any.
PIECES = (
    *MARKS,
    *(
        "<|fim_",
        "|>",
        "\r\n",
        "\r",
        "\n",
        "\t",
        "\0",
        "    ",
        "def ",
        "return",
        "\u2028",
        "e\u0301",
    ),
    *(chr(plane << 16 | 0x41) for plane in range(17)),
    *("\ud7ff", "\ue000", "\ufeff", "\uffff", "\U0010ffff", "é", "\u200d"),
)


def _document(generator: np.random.Generator) -> str:
    """Zero to forty pieces, among them code points drawn from all planes."""
    pieces = []
    for _ in range(int(generator.integers(0, 41))):
        if generator.random() < 0.3:
            code = int(generator.integers(0x110000))
            pieces.append("?" if 0xD800 <= code < 0xE000 else chr(code))
        else:
            pieces.append(PIECES[int(generator.integers(len(PIECES)))])
    return "".join(pieces)


@pytest.mark.parametrize("tokenizer", [BYTES, BPE], ids=["bytes", "bpe"])
def test_ten_thousand_documents_come_back_to_the_byte(tokenizer: BytesTokenizer) -> None:
    generator = rng.generator(0, 0, "documents")
    marks = Marks.of(tokenizer)
    for number in range(10_000):
        text = _document(generator)
        parts = encode(cut(text, generator), tokenizer)
        ids = parts.arranged(marks, suffix_first=bool(number % 2))
        assert restore(ids, tokenizer) == text.encode(), number
        assert len(ids) == sum(map(len, parts)) + 4


@given(st.text(max_size=40), st.integers(0, 2**32), st.booleans())
def test_any_text_comes_back(text: str, seed: int, suffix_first: bool) -> None:
    parts = encode(cut(text, rng.generator(seed, 0, "test")), BPE)
    ids = parts.arranged(Marks.of(BPE), suffix_first=suffix_first)
    assert restore(ids, BPE).decode() == text


def test_characters_come_back_too() -> None:
    tokenizer = CharTokenizer.train([CODE], special_tokens=MARKS)
    for step in range(50):
        parts = encode(cut(CODE, rng.generator(0, step, "test")), tokenizer)
        assert restore(parts.arranged(Marks.of(tokenizer)), tokenizer) == CODE.encode()


def test_both_forms_are_the_published_ones() -> None:
    marks = Marks.of(BYTES)
    parts = encode(Cut("ab", "cd", "ef"), BYTES)
    P, S, M, E = marks
    assert parts.arranged(marks).tolist() == [P, *b"ab", S, *b"ef", M, *b"cd", E]
    assert parts.arranged(marks, suffix_first=True).tolist() == [P, S, *b"ef", M, *b"abcd", E]


def test_marks_that_a_text_spells_are_plain_text() -> None:
    text = f"{PREFIX}a{SUFFIX}b{MIDDLE}c{END_OF_TEXT}"
    for tokenizer in (BYTES, BPE):
        marks = Marks.of(tokenizer)
        parts = encode(Cut(text, text, text), tokenizer)
        assert not np.isin(np.concatenate(parts), marks).any()
        assert restore(parts.arranged(marks), tokenizer) == 3 * text.encode()


def test_cuts_are_uniform_over_all_places() -> None:
    # Two of four places: the same ones with 1/16, two different ones with 2/16.
    drawn = [cut("abc", rng.generator(0, step, "cuts")) for step in range(8000)]
    assert all("".join(parts) == "abc" for parts in drawn)
    for first in range(4):
        for second in range(first, 4):
            expected = 8000 * (1 if first == second else 2) / 16
            found = sum(
                len(parts.prefix) == first and len(parts.suffix) == 3 - second for parts in drawn
            )
            assert abs(found - expected) < 5 * expected**0.5, (first, second)


def test_parts_are_fitted_from_the_outside() -> None:
    parts = Parts(np.arange(5), np.arange(5, 8), np.arange(8, 12))
    assert [len(p) for p in parts.fitted(12)] == [5, 3, 4]
    for room in range(13):
        prefix, middle, suffix = parts.fitted(room)
        joined = np.concatenate([prefix, middle, suffix])
        assert len(joined) == room
        if room:  # a stretch of the text without gaps
            assert (np.diff(joined) == 1).all()
        if room >= 3:
            assert middle.tolist() == [5, 6, 7]
        if room >= 8:
            assert len(prefix) == 5
    assert [len(p) for p in parts.fitted(-2)] == [0, 0, 0]


@pytest.mark.parametrize("change", ["cut short", "twice", "no end", "swapped", "empty", "plain"])
def test_what_is_no_rearranged_text_is_refused(change: str) -> None:
    marks = Marks.of(BYTES)
    ids = encode(Cut("ab", "cd", "ef"), BYTES).arranged(marks)
    swapped = ids.copy()
    swapped[[3, 6]] = swapped[[6, 3]]
    broken = {
        "cut short": ids[1:],
        "twice": np.concatenate([ids, ids]),
        "no end": ids[:-1],
        "swapped": swapped,
        "empty": ids[:0],
        "plain": BYTES.encode("plain"),
    }[change]
    with pytest.raises(MinilmError, match="no rearranged text"):
        restore(broken, BYTES)


def test_a_tokenizer_without_marks_says_which_it_lacks() -> None:
    with pytest.raises(MinilmError, match=r"no <\|fim_prefix\|> and no <\|fim_suffix\|>"):
        Marks.of(BytesTokenizer())
    with pytest.raises(MinilmError, match=r"has no <\|endoftext\|>,"):
        Marks.of(BytesTokenizer(MARKS[1:]))
