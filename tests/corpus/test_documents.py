from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.documents import Document, digest

pairs = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=4)


def documents(pairs: list[tuple[str, str]]) -> list[Document]:
    return [Document(name, text, "here") for name, text in pairs]


@given(pairs, pairs)
def test_digest_differs_exactly_when_ids_or_texts_do(one, other):
    assert (digest(documents(one)) == digest(documents(other))) == (one == other)


@pytest.mark.parametrize(
    "other",
    [
        [("a", "b"), ("c", "d")],
        [("a", "bc"), ("", "d")],
        [("ab", "c"), ("", "d")],
        [("", "abcd")],
        [("", "d"), ("a", "bc")],
    ],
)
def test_digest_sees_where_one_string_ends(other):
    assert digest(documents([("", "abc"), ("", "d")])) != digest(documents(other))


def test_digest_is_the_same_on_every_machine():
    # The layout, spelt out: 8 little-endian bytes of length before each string.
    data = b"\1\0\0\0\0\0\0\0a" + b"\2\0\0\0\0\0\0\0" + "é".encode()
    assert digest([Document("a", "é", "here")]) == hashlib.sha256(data).hexdigest()


def test_digest_ignores_source_and_metadata():
    assert digest([Document("a", "b", "x")]) == digest([Document("a", "b", "y", {"k": 1})])


def test_digest_takes_lone_surrogates():
    assert digest([Document("a", "\ud800", "")]) != digest([Document("a", "\udc80", "")])


def test_documents_can_be_put_in_a_set():
    assert len({Document("a", "b", "x"), Document("a", "b", "x")}) == 1
