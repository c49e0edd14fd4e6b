from __future__ import annotations

import dataclasses
import json

import pytest

from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection, apply, ignore

DOCUMENTS = [Document(name, name * n, "here", {"n": n}) for name, n in (("a", 1), ("b", 5))]


def shout(document: Document) -> Document:
    return dataclasses.replace(document, text=document.text.upper())


def short(document: Document) -> Document | Rejection:
    size = len(document.text)
    return document if size < 5 else Rejection(document, "short.length", size, 4)


def test_rules_are_applied_in_order_to_what_the_one_before_gave():
    rejected: list[Rejection] = []
    kept = list(apply([shout, short, shout], DOCUMENTS, rejected.append))
    assert [d.text for d in kept] == ["A"]
    (rejection,) = rejected
    assert (rejection.document.text, rejection.figure, rejection.limit) == ("BBBBB", 5, 4)
    assert DOCUMENTS[1].text == "bbbbb"


def test_a_rejection_ends_the_rules():
    def never(document: Document) -> Document:
        assert document.id == "a"
        return document

    assert [d.id for d in apply([short, never], DOCUMENTS)] == ["a"]


def test_nothing_is_read_before_it_is_asked_for():
    read: list[str] = []

    def documents():
        for document in DOCUMENTS:
            read.append(document.id)
            yield document

    result = apply([shout], apply([], documents()))
    assert read == []
    assert next(result).id == "a"
    assert read == ["a"]


def test_without_rules_documents_pass_as_they_are():
    assert list(apply([], DOCUMENTS)) == DOCUMENTS


def test_a_rejection_is_a_record():
    rejection = Rejection(DOCUMENTS[1], "short.length", 5, 4)
    assert ignore(rejection) is None
    record = rejection.to_dict()
    assert json.loads(json.dumps(record)) == record
    assert record == {
        "rule": "short.length",
        "figure": 5,
        "limit": 4,
        "id": "b",
        "source": "here",
        "text": "bbbbb",
        "metadata": {"n": 5},
    }


def test_a_rejection_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Rejection(DOCUMENTS[0], "x", 1, 2).rule = "y"
