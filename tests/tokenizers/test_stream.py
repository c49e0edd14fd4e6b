from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minilm.tokenizers import BytesTokenizer, CharTokenizer, StreamDecoder

BYTES = BytesTokenizer()
# Pieces of UTF-8, whole, cut and wrong, besides any byte.
pieces = st.one_of(
    st.binary(max_size=4),
    st.text(max_size=3).map(str.encode),
    st.sampled_from([b"\xf0\x9f", b"\x98\x80", b"\xe2\x82", b"\xed\xa0\x80", b"\xff", b"\xc3"]),
)


@given(st.lists(pieces))
def test_the_pieces_make_the_whole(pieces):
    decoder = StreamDecoder(BYTES)
    text = "".join(decoder.feed(list(piece)) for piece in pieces) + decoder.flush()
    assert text == BYTES.decode(list(b"".join(pieces)))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 5))
def test_a_character_comes_whole_as_soon_as_it_is_complete(text, size):
    ids = BYTES.encode(text)
    decoder = StreamDecoder(BYTES)
    shown = ""
    for first in range(0, len(ids), size):
        shown += decoder.feed(ids[first : first + size])
        complete = bytes(ids[: first + size].tolist()).decode("utf-8", "ignore")
        assert shown == complete
    assert decoder.flush() == ""


def test_flush_starts_afresh():
    decoder = StreamDecoder(BYTES)
    assert decoder.feed([0xE2, 0x82]) == ""
    assert decoder.flush() == "\ufffd"
    assert decoder.feed([0xAC]) == "\ufffd"
    assert decoder.feed([0x41]) == "A"
    assert decoder.flush() == ""


def test_other_tokenizers():
    tokenizer = CharTokenizer.train(["aé😀"], with_end_of_text=True)
    decoder = StreamDecoder(tokenizer)
    assert [decoder.feed([i]) for i in range(4)] == ["a", "é", "😀", "<|endoftext|>"]
