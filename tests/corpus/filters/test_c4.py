"""C4's filter: which lines go, which documents, and what a kept one looks like."""

from __future__ import annotations

import pytest

from minilm.corpus.documents import Document
from minilm.corpus.filters import C4
from minilm.corpus.pipeline import Rejection

FOUR = "This is one of four lines.\n" * 4


def kept(line: str, **settings) -> str | None:
    """What is left of a line, which the document needs to have its fifth sentence."""
    document = Document("a", FOUR + line, "here", {"n": 1})
    result = C4(**settings)(document)
    if isinstance(result, Rejection):
        assert (result.rule, result.figure, result.limit) == ("c4.sentences", 4, 5)
        assert result.document is document
        return None
    assert (result.id, result.source, result.metadata) == ("a", "here", {"n": 1})
    lines = result.text.split("\n")
    assert lines[:4] == FOUR.split("\n")[:4]
    return "\n".join(lines[4:])


@pytest.mark.parametrize(
    "line",
    [
        "It has three words.",
        "Does it end here?",
        "So it does!",
        'He said "so it is"',
        "They called it 'so it is'",
    ],
)
def test_lines_that_stay(line: str) -> None:
    assert kept(line) == line
    assert kept(f" \t{line} ") == line


@pytest.mark.parametrize(
    "line",
    [
        "Two words.",
        "It has no end",
        "It goes on and...",
        "Please enable JavaScript to see it.",
        "Read our Privacy Policy and more.",
        "By these terms of use you agree.",
        "See the cookie policy of it.",
        "This site uses cookies for that.",
        "Our use of cookies is fine.",
        "We use cookies for it all.",
        "A word of " + "x" * 1001 + " letters.",
        "",
    ],
)
def test_lines_that_go(line: str) -> None:
    assert kept(line) is None


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("Two words.", {"line_words": 2}),
        ("It has no end", {"end_mark": False}),
        ("It goes on and...", {"end_mark": False}),
        ("Please enable JavaScript to see it.", {"javascript": False}),
        ("We use cookies for it all.", {"policy": False}),
        ("A word of " + "x" * 1001 + " letters.", {"word_length": 1001}),
        ("A word of " + "x" * 1000 + " letters.", {}),
        ("All uses are for cookies here.", {}),
    ],
)
def test_settings(line: str, settings: dict) -> None:
    assert kept(line, **settings) == line


def test_citations() -> None:
    assert kept("It is so.[12]") == "It is so."
    assert kept("It[] is[edit] so[citation needed] [a].") == "It is so [a]."
    assert kept("It is so.[12]", citations=False) is None
    # They count as words of the line.
    assert kept("[3] It is.") == " It is."


def test_documents_that_go() -> None:
    for line, rule in (("Lorem Ipsum is what it says.", "lorem_ipsum"), ("It is { a }.", "braces")):
        result = C4()(Document("a", FOUR * 2 + line, "here"))
        assert (result.rule, result.figure) == (f"c4.{rule}", line)
        assert kept(line, **{rule: False}) == line
    # Only in a line that would stay.
    assert kept("It is { a line of code }\nIt is the last line.") == "It is the last line."


def test_sentences_are_counted_not_lines() -> None:
    text = "It is one. It is two. It is three. It is four, i.e. not five."
    result = C4()(Document("a", text, "here"))
    assert (result.rule, result.figure) == ("c4.sentences", 4)
    assert C4(sentences=4)(Document("a", text, "here")).text == text
    assert C4(sentences=0)(Document("a", "", "here")).text == ""
