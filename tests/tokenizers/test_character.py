from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.errors import MinilmError
from minilm.tokenizers import CharTokenizer

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts.filter(bool), st.booleans())
def test_text_survives(text, with_end_of_text):
    tokenizer = CharTokenizer.train([text], with_end_of_text)
    characters = sorted(set(text))
    assert tokenizer.characters == "".join(characters)
    ids = tokenizer.encode(text)
    assert ids.tolist() == [characters.index(character) for character in text]
    assert ids.dtype == np.uint16
    assert tokenizer.decode(ids) == text
    assert tokenizer.vocab_size == len(characters) + with_end_of_text
    assert tokenizer.end_of_text == (len(characters) if with_end_of_text else None)


@given(texts.filter(bool), texts)
def test_the_first_unknown_character_is_placed(known, text):
    tokenizer = CharTokenizer.train([known])
    unknown = [position for position, character in enumerate(text) if character not in known]
    if not unknown:
        assert tokenizer.decode(tokenizer.encode(text)) == text
        return
    with pytest.raises(MinilmError) as caught:
        tokenizer.encode(text)
    character = text[unknown[0]]
    assert f"(U+{ord(character):04X}" in str(caught.value)
    assert f"at position {unknown[0]}, line {text[: unknown[0]].count(chr(10)) + 1}," in str(
        caught.value
    )
    assert str(caught.value).isprintable()


def test_the_message_names_the_character():
    with pytest.raises(MinilmError) as caught:
        CharTokenizer.train(["hello\n"]).encode("hell\nö")
    assert str(caught.value) == (
        "character 'ö' (U+00F6 LATIN SMALL LETTER O WITH DIAERESIS) at position 5, line 2, "
        "is not among this tokenizer's 5 characters; remove it or use 'bytes'"
    )


def test_characters_next_to_the_vocabulary_are_unknown():
    tokenizer = CharTokenizer("bdy")
    for character in ("a", "c", "x", "z", "\0", chr(sys.maxunicode), "\ud800"):
        with pytest.raises(MinilmError, match=f"U\\+{ord(character):04X}"):
            tokenizer.encode(character)


def test_several_texts_make_one_vocabulary():
    assert CharTokenizer.train(iter(["ba", "", "ca"])).characters == "abc"


def test_empty_text():
    ids = CharTokenizer("a").encode("")
    assert (ids.shape, ids.dtype) == ((0,), np.uint16)


@pytest.mark.parametrize("size", [2**16, 2**16 + 1])
def test_ids_grow_to_32_bits_when_they_must(size):
    characters = "".join(chr(0x10000 + i) for i in range(size))
    tokenizer = CharTokenizer(characters)
    ids = tokenizer.encode(characters)
    assert ids.dtype == (np.uint16 if size == 2**16 else np.uint32)
    assert np.array_equal(ids, np.arange(size))
    assert tokenizer.decode(ids) == characters


@pytest.mark.parametrize("texts", [[], [""]])
def test_nothing_to_train_on(texts):
    with pytest.raises(MinilmError, match="no characters"):
        CharTokenizer.train(texts)


@pytest.mark.parametrize("characters", ["ba", "aa", "abb"])
def test_characters_out_of_order(characters):
    with pytest.raises(MinilmError, match="in rising order"):
        CharTokenizer(characters)


def test_lone_surrogates_are_refused():
    with pytest.raises(MinilmError, match=r"U\+DC80, half of a surrogate pair"):
        CharTokenizer.train(["a\udc80b"])
