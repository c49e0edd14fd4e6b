"""Exact duplicates: the first stays, the others say of what they are copies."""

from __future__ import annotations

from minilm.corpus.deduplication import digest, exact_duplicates, exact_keys, normalised
from minilm.corpus.documents import Document

TEXTS = ["Hello, world 1!", "hello world 23", "Hello, word 1!", "hello", "world", "hello world", ""]
SYMBOLS = ["--", "- -", "...", "--"]


def test_digests_are_those_of_the_words() -> None:
    texts = [*TEXTS, "world hello", "helloworld", "hello world world"]
    for one in texts:
        for other in texts:
            assert (digest(one) == digest(other)) == (normalised(one) == normalised(other))


def test_texts_without_words_are_compared_as_they_are() -> None:
    assert len({digest(text) for text in SYMBOLS}) == 3
    assert digest("") not in {digest(text) for text in SYMBOLS}


def test_keys_are_digests() -> None:
    keys = exact_keys([*TEXTS, *SYMBOLS])
    assert keys.shape == (11, 1)
    assert keys[:, 0].tolist() == [digest(text) for text in [*TEXTS, *SYMBOLS]]
    assert exact_keys([]).shape == (0, 1)


def test_a_digest_is_the_same_on_every_machine() -> None:
    assert digest("It is so.") == 0x8B44BC23A1B365E6


def test_duplicates() -> None:
    documents = [Document(str(i), text, "here") for i, text in enumerate([*TEXTS, *TEXTS])]
    rejected = []
    kept = list(exact_duplicates(iter(documents), rejected.append))
    assert kept == [documents[i] for i in (0, 2, 3, 4, 5, 6)]
    assert [r.document for r in rejected] == [documents[1], *documents[7:]]
    assert {r.rule for r in rejected} == {"exact_duplicate"}
    assert rejected[0].limit == rejected[1].limit == "same words as 0"
    assert rejected[0].figure == f"{digest(TEXTS[0]):016x}"
    assert list(exact_duplicates([])) == []
