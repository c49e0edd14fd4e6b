"""Decontamination: n words in a row, no fewer, and the whole passage shown."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.backend import using
from minilm.corpus.decontamination import Index, contaminated
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection
from minilm.errors import MinilmError

QUESTION = "Which of these 3 planets is the farthest from the Sun, and has the most moons?"


def passage(held_out: list[str], text: str, n: int = 13) -> str | None:
    result = contaminated(Index.of(held_out, n))(Document("a", text, "here"))
    if isinstance(result, Rejection):
        assert result.rule == "contaminated"
        assert result.limit == f"no {n} words in a row of a held-out text"
        return result.figure
    assert result.text == text
    return None


@pytest.mark.parametrize("twin", ["reference", "kernels"])
def test_thirteen_words_in_a_row(twin: str) -> None:
    words = QUESTION.split()
    with using(twin):
        assert passage([QUESTION], "So. " + " ".join(words[1:13]) + " stars") is None
        found = passage([QUESTION], "So. " + " ".join(words[1:14]).upper() + " stars")
        assert found == "of these 0 planets is the farthest from the sun and has the"


def test_a_passage_is_as_long_as_what_is_shared() -> None:
    text = f"They ask: {QUESTION} Then they go on."
    assert passage([QUESTION], text) == (
        "which of these 0 planets is the farthest from the sun and has the most moons"
    )
    assert passage(["x", QUESTION], text, 3) == passage([QUESTION], text)
    # The first of two.
    assert passage([QUESTION], "the most moons, and these 7 planets is it", 3) == "the most moons"


def test_long_passages_are_cut() -> None:
    text = " ".join(chr(97 + i % 26) + chr(97 + i // 26) for i in range(80))
    found = passage([text], text)
    assert found is not None
    assert found.endswith(" ... (80 words)")
    assert len(found.split()) == 53


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_passage_behind_many_lines(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minilm.corpus.decontamination._AT_ONCE", size)
    text = "Line 1 of it.\n\nLine 2\nof 33\n" + QUESTION.replace(" ", "\n") + "\nand on"
    assert passage([QUESTION], text) == passage([QUESTION], QUESTION)


def test_short_texts_are_found_whole() -> None:
    index = Index.of(["To be or not", "one two three four five six", ""], n=5)
    assert index.n_short == 2
    assert len(index.hashes) == 3
    assert passage(["To be or not"], "to be, or not?", 5) == "to be or not"
    assert passage(["To be or not"], "to be, or not to be", 5) is None


def test_nothing_to_compare() -> None:
    assert passage([], "some words of a text", 2) is None
    assert passage([""], "", 2) is None
    assert passage(["some words"], "", 2) is None


def test_the_index_is_sorted_and_small() -> None:
    index = Index.of([QUESTION, QUESTION, "the most moons?"], n=3)
    assert index.hashes.dtype == np.uint64
    assert (index.hashes[1:] > index.hashes[:-1]).all()
    assert len(index.hashes) == 14
    assert "hashes" not in repr(index)


def test_the_rule_goes_to_other_processes() -> None:
    rule = pickle.loads(pickle.dumps(contaminated(Index.of([QUESTION]))))
    assert isinstance(rule(Document("a", QUESTION, "here")), Rejection)


@given(st.lists(st.text("abc ", max_size=12), max_size=3), st.text("abc ", max_size=12))
def test_as_with_sets_of_words(held_out: list[str], text: str) -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        size = min(2, len(words))
        return {tuple(words[i : i + size]) for i in range(len(words) - size + 1) if size}

    shared = runs(text) & set().union(*map(runs, held_out))
    found = passage(held_out, text, 2)
    assert (found is not None) == bool(shared)
    if found is not None:
        assert runs(found) <= shared
        assert found in " ".join(text.split())


@pytest.mark.parametrize("n", [0, -1, True, 2.5])
def test_mistakes(n) -> None:
    with pytest.raises(MinilmError, match="of decontamination: must be 1 or more"):
        Index.of(["text"], n)
