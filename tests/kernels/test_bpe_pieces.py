"""The compiled cutting equals the definition on any bytes, and safe cuts are safe."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minilm.kernels import bpe_pieces as kernel
from minilm.reference import bpe_pieces as reference
from minilm.tokenizers.bpe.code_points import classes

PATTERNS = (reference.GPT2, reference.CL100K)
PARTS = [*"absStTlLvVeErRdDmM'  \n\r\t12²!?.-", "\u00a0", "\u0085", "\u2028", "é", "漢", "ſ", "😀"]
BROKEN = [b"\xff", b"\xc0\x80", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"]
BROKEN += [b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf0\x9f\x98", b"\xf8\x88\x80\x80\x80"]
texts = st.lists(
    st.sampled_from(PARTS).map(str.encode)
    | st.sampled_from(BROKEN)
    | st.characters(exclude_categories=["Cs"]).map(str.encode),
    max_size=20,
).map(b"".join)


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


@settings(max_examples=500)
@given(texts | st.binary(max_size=20), st.sampled_from(PATTERNS))
@example(b"don't  \n x's", reference.GPT2)
@example(b"'", reference.CL100K)
@example(b"'l", reference.CL100K)
@example("'ſ'LL'vE".encode(), reference.CL100K)
@example(b" \n \n  ", reference.CL100K)
def test_cuts_equal_the_definition(data: bytes, pattern: int) -> None:
    found = kernel.split(array(data), classes(), pattern)
    assert found.dtype == np.int64
    assert found.tolist() == reference.split(array(data), classes(), pattern).tolist()
    assert found.tolist() == sorted(set(found.tolist()))
    assert data == b"" or found[-1] == len(data)


@settings(max_examples=500)
@given(texts | st.binary(max_size=20), texts)
@example(b"a!\n", b"\n")
def test_a_safe_cut_is_where_the_definition_says_and_changes_no_piece(
    data: bytes, following: bytes
) -> None:
    cut = kernel.safe_cut(array(data), classes())
    assert cut == reference.safe_cut(array(data), classes())
    if not cut:
        return
    whole = data + following
    for pattern in PATTERNS:
        left = kernel.split(array(whole[:cut]), classes(), pattern)
        right = kernel.split(array(whole[cut:]), classes(), pattern) + cut
        both = kernel.split(array(whole), classes(), pattern)
        assert both.tolist() == [*left.tolist(), *right.tolist()]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_character_alone_and_between_letters(pattern: int) -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(characters), 1 << 17):
        for between in ("a", " ", "", "1", "\n"):
            data = array(between.join(characters[start : start + (1 << 17) : 7]).encode())
            assert np.array_equal(
                kernel.split(data, classes(), pattern), reference.split(data, classes(), pattern)
            )


def test_long_runs_take_time_in_proportion() -> None:
    for text in (b" " * 10**6, b"a" * 10**6, b"\n" * 10**6, b"!" * 10**6 + b"a", b"1" * 10**6):
        for pattern in PATTERNS:
            ends = kernel.split(array(text), classes(), pattern)
            assert ends[-1] == len(text)


def test_an_array_that_can_be_written_to_stays_as_it_is() -> None:
    data = np.frombuffer(b"ab cd", np.uint8).copy()
    assert kernel.split(data, classes(), 0).tolist() == [2, 5]
    assert data.flags.writeable
