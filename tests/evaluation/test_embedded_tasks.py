"""The embedded tasks: nothing of the test in the corpus to pretrain on, labels not told."""

from collections import Counter

import pytest

from minilm import corpus
from minilm.corpus import docstrings
from minilm.corpus.documents import Document
from minilm.evaluation import modules, prepositions
from minilm.evaluation.labelled import Example

TASKS = {"modules": modules.python_modules, "prepositions": prepositions.python_prepositions}


@pytest.fixture(scope="module")
def everything() -> list[Document]:
    return docstrings.documents()


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest) -> modules.Task:
    return TASKS[request.param]()


def test_the_corpus_is_what_is_not_held_out(everything: list[Document]) -> None:
    text = corpus.load("python-docstrings")
    assert 0.70 < len(text) / len(everything) < 0.80
    assert len({document.id for document in everything}) > 0.99 * len(everything)
    names = {document.id for document in text}
    assert "json/encoder.py:JSONEncoder.encode" in {document.id for document in everything}
    assert all((d.id in names) != docstrings.held_out(d) for d in everything)
    assert not any("/test/" in name or name.startswith("test/") for name in names)


def test_sides_share_no_docstring_and_no_text(task: modules.Task) -> None:
    sides = [{e.document for e in side} for side in task]
    assert not sides[0] & sides[1]
    texts = [[e.text for e in side] for side in task]
    assert not set(texts[0]) & set(texts[1])
    assert all(len(side) == len(set(side)) for side in texts)
    learned = {document.id for document in corpus.load("python-docstrings")}
    assert sides[0] <= learned
    assert not sides[1] & learned


def test_there_are_enough_of_each_label(task: modules.Task) -> None:
    train, test = (Counter(e.label for e in side) for side in task)
    assert train.keys() == test.keys()
    assert 5 <= len(train) <= 11
    assert min(train.values()) >= 80
    assert min(test.values()) >= 15


def test_a_passage_does_not_name_its_module() -> None:
    for side in modules.python_modules():
        for example in side:
            assert example.label.lower() not in example.text.lower()
            assert modules.SHORTEST <= len(example.text) <= modules.LONGEST


def test_passages_are_taken_once() -> None:
    twice = "The same words, sixty characters or more of them, stand in two places."
    found = modules.passages([Document("zip.py", twice, ""), Document("b/c.py:f", twice, "")])
    assert found == [Example(twice, "zip", "zip.py")]


def test_a_beginning_ends_before_its_preposition() -> None:
    text = "Return whatever the caller has asked us to give, the most of all. Nothing more."
    (example,) = prepositions.beginnings([Document("a.py:f", text, "")])
    assert text.startswith(f"{example.text} {example.label} ")
    assert example.label == "of"
    far = "word " * 80 + "of it"
    (example,) = prepositions.beginnings([Document("a.py:f", far, "")])
    assert len(example.text) == prepositions.LONGEST
    assert not prepositions.beginnings([Document("a.py:f", "Too short to ask of.", "")])


def test_source_that_is_no_python_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        Document("a.py", "def broken(:\n", ""),
        Document("b.py", 'class C:\n    """Of C."""\n    def f(self):\n        "Of f."\n', ""),
        Document("test/c.py", '"""A test."""\n', ""),
    ]
    monkeypatch.setattr(docstrings, "python_code", lambda: files)
    assert [(d.id, d.text) for d in docstrings.documents()] == [
        ("b.py:C", "Of C."),
        ("b.py:C.f", "Of f."),
    ]
