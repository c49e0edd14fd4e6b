"""Whether bytes are UTF-8, found window by window: as Python says, and in little memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.errors import MinilmError
from minilm.tokenizers.bpe import utf8


@pytest.mark.parametrize("window", [4, 5, 7, 64])
@given(
    text=st.text("aé€😀\n", max_size=60),
    place=st.integers(0, 300),
    byte=st.integers(0, 255),
    how=st.sampled_from(["whole", "changed", "cut"]),
)
def test_the_first_wrong_byte_is_pythons(
    window: int, text: str, place: int, byte: int, how: str
) -> None:
    data = bytearray(text.encode())
    if how == "changed" and data:
        data[place % len(data)] = byte
    elif how == "cut":
        del data[place:]
    expected = None
    try:
        bytes(data).decode()
    except UnicodeDecodeError as error:
        expected = error.start, error.reason
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utf8, "WINDOW", window)
        assert utf8._fault(bytes(data)) == expected


def test_a_large_text_is_checked_in_little_memory() -> None:
    data = "🙂".encode() * 2**19
    tracemalloc.start()
    try:
        assert utf8.checked(data, "text", "strict", 0, 1) is data
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_wrong_byte_far_into_a_text_is_named_with_its_place() -> None:
    data = b"one line\n" * 20_000 + b"\xff"
    with pytest.raises(MinilmError, match=r"f is not UTF-8: byte 0xff at byte 180007, line 20004"):
        utf8.checked(data, "f", "strict", 7, 4)
    assert utf8.checked(data, "f", "replace", 0, 1) == data[:-1] + "\ufffd".encode()
