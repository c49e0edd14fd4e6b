from __future__ import annotations

from minilm.corpus.cleaning.rule import cleaner
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection

DOCUMENT = Document("a", "Text", "s", {"n": 1})


def test_a_changed_copy():
    changed = cleaner("upper", str.upper)(DOCUMENT)
    assert changed == Document("a", "TEXT", "s", {"n": 1})
    assert DOCUMENT.text == "Text"
    assert cleaner("same", str.title)(DOCUMENT) is DOCUMENT


def test_nothing_left():
    for text in ("", " \n"):
        rejection = cleaner("drop", lambda _, text=text: text)(DOCUMENT)
        assert rejection == Rejection(DOCUMENT, "drop.characters", 0, 1)
