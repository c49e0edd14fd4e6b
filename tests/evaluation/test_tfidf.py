"""The TF-IDF baseline: chosen by validation, and named when it is missing."""

import sys

import pytest

from minilm.errors import MinilmError
from minilm.evaluation import tfidf
from minilm.evaluation.labelled import Example


def _examples(words: dict[str, list[str]], n: int) -> list[Example]:
    return [
        Example(" ".join(own[(i + j) % len(own)] for j in range(2)), label, f"{label}{i}")
        for label, own in words.items()
        for i in range(n)
    ]


def test_words_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    words = {"sea": ["wave", "salt", "ship"], "wood": ["tree", "leaf", "bark"]}
    fitted = tfidf.fit(_examples(words, 6), _examples(words, 3))
    assert fitted.predict(["a wave and a ship", "leaf by leaf"]) == ["sea", "wood"]


def test_validation_texts_choose_what_is_counted() -> None:
    pytest.importorskip("sklearn")
    # No word occurs twice; only runs of characters are shared.
    train = [Example(f"x{i}zq{i}", "zq", "") for i in range(9)]
    train += [Example(f"x{i}kv{i}", "kv", "") for i in range(9)]
    held_out = [Example("a1zqb", "zq", ""), Example("a1kvb", "kv", "")]
    assert tfidf.fit(train, held_out).predict(["ozqo", "okvo"]) == ["zq", "kv"]
    assert tfidf.fit(train, []).counts == "words"


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MinilmError, match=r"pip install 'minilm\[baselines\]'"):
        tfidf.fit([], [])
