from __future__ import annotations

import math

import numpy as np
import pytest

from minilm.corpus import Document, digest, encode
from minilm.errors import MinilmError
from minilm.tokenizers import BytesTokenizer, CharTokenizer

CORPUS = [Document("a", "hé", "x"), Document("b", "", "x"), Document("c", "b", "x")]


def test_each_document_ends_with_the_end_of_text():
    stream = encode(iter(CORPUS), BytesTokenizer())
    assert stream.ids.tolist() == [104, 195, 169, 256, 256, 98, 256]
    assert stream.ids.dtype == np.uint16
    assert stream.n_bytes == 4
    assert stream.digest == digest(CORPUS)


def test_without_an_end_of_text_documents_follow_each_other():
    stream = encode(CORPUS, CharTokenizer("bhé"))
    assert stream.ids.tolist() == [1, 2, 0]
    assert stream.ids.dtype == np.uint16
    assert stream.n_bytes == 4


def test_bits_per_byte_count_the_same_information():
    stream = encode(CORPUS, CharTokenizer("bhé"))
    nats = 1.7
    total_bits = nats * 3 / math.log(2)
    assert stream.bits_per_byte(nats) == pytest.approx(total_bits / 4, rel=1e-15)


def test_an_unknown_character_is_placed_in_its_document():
    with pytest.raises(MinilmError, match=r"^document a: character 'é' .* at position 1, line 1"):
        encode(CORPUS, CharTokenizer("bh"))


@pytest.mark.parametrize("documents", [[], [Document("a", "", "x")]])
def test_no_text(documents):
    with pytest.raises(MinilmError, match="no text to encode"):
        encode(documents, BytesTokenizer())
