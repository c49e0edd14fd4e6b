from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.errors import MinilmError
from minilm.tokenizers import BytesTokenizer

TOKENIZER = BytesTokenizer()


def test_vocabulary():
    assert TOKENIZER.vocab_size == 257
    assert TOKENIZER.end_of_text == 256
    assert [TOKENIZER.token_bytes(b) for b in range(256)] == [bytes([b]) for b in range(256)]
    assert TOKENIZER.token_bytes(256) == b"<|endoftext|>"
    assert BytesTokenizer(()).vocab_size == 256
    assert BytesTokenizer(()).end_of_text is None


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_survives(text):
    ids = TOKENIZER.encode(text)
    assert ids.dtype == np.uint16
    assert ids.tolist() == list(text.encode())
    assert TOKENIZER.decode(ids) == text


@pytest.mark.parametrize("plane", range(17))
def test_every_plane_survives(plane):
    codes = range(plane << 16, (plane + 1) << 16, 7)
    text = "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(st.binary())
def test_all_bytes_survive(data):
    assert TOKENIZER.decode_bytes(list(data)) == data
    assert TOKENIZER.decode(list(data)) == data.decode("utf-8", "replace")


@pytest.mark.parametrize("surrogate", [0xD800, 0xDC80, 0xDFFF])
def test_lone_surrogates_are_placed(surrogate):
    with pytest.raises(MinilmError) as caught:
        TOKENIZER.encode(f"é\n😀{chr(surrogate)}x")
    name = f"'\\u{surrogate:04x}' (U+{surrogate:04X})"
    assert f"character {name} at position 3, line 2, is half of a surr" in str(caught.value)
