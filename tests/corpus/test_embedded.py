from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.embedded import NAMES, python_docs, without_repeats
from minilm.errors import MinilmError

paragraphs = st.lists(st.sampled_from(["one", "two", "  one", "two\n words", "two words", ""]))
topics = st.dictionaries(st.text("abc", min_size=1), paragraphs.map("\n\n".join), max_size=5)


def words(text: str) -> list[list[str]]:
    return [paragraph.split() for paragraph in text.split("\n\n") if paragraph.split()]


@given(topics)
def test_each_paragraph_is_kept_once_where_it_first_occurs(topics):
    kept = without_repeats(topics)
    assert list(kept) == [name for name in sorted(topics) if name in kept]
    expected, seen = {}, []
    for name in sorted(topics):
        expected[name] = []
        for paragraph in words(topics[name]):
            if paragraph not in seen:
                seen.append(paragraph)
                expected[name].append(paragraph)
    assert {name: words(text) for name, text in kept.items()} == {
        name: found for name, found in expected.items() if found
    }


def test_text_without_repeats_is_kept_as_it_is():
    text = "Title\n=====\n\n   code:\n      more\n\nend.  \n"
    assert without_repeats({"a": text}) == {"a": text}


def test_python_docs():
    documents = python_docs()
    ids = [document.id for document in documents]
    assert ids == sorted(ids)
    assert "topics/compound" in ids
    seen: set[str] = set()
    for document in documents:
        assert document.source == "python-docs"
        for paragraph in words(document.text):
            joined = " ".join(paragraph)
            assert joined not in seen
            seen.add(joined)
    assert 300_000 < sum(len(document.text) for document in documents) < 1_000_000
    assert NAMES["python-docs"] is python_docs


def test_a_python_without_its_docs(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(MinilmError, match=r"without pydoc_data\.topics.*--data FILE"):
        python_docs()
