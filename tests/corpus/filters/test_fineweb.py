"""FineWeb's filter: each figure by hand, at its limit and beyond."""

from __future__ import annotations

import pytest

from minilm.corpus.documents import Document
from minilm.corpus.filters import FineWeb
from minilm.corpus.pipeline import Rejection

# All lines different, of 33 characters.
LINES = [f"{i:02d} is the number of this long line" for i in range(100)]


def judged(text: str, **settings):
    document = Document("a", text, "here")
    result = FineWeb(**settings)(document)
    if isinstance(result, Rejection):
        return result.rule, result.figure, result.limit
    assert result is document
    return None


def test_published_limits() -> None:
    rule = FineWeb()
    assert (rule.punctuated_lines, rule.short_lines, rule.short_line_length) == (0.12, 0.67, 30)
    assert (rule.duplicate_line_characters, rule.newlines_per_word) == (0.01, 0.3)


@pytest.mark.parametrize("end", [".", "!", "?", "。", "।"])
def test_punctuated_lines(end: str) -> None:
    text = "\n".join([line + end for line in LINES[:12]] + LINES[12:])
    assert judged(text) is None
    less = "\n".join([line + end for line in LINES[:11]] + LINES[11:])
    assert judged(less) == ("fineweb.punctuated_lines", 0.11, 0.12)
    # Blank lines are no lines, and white space behind the mark hides it.
    assert judged(text.replace("\n", "\n \n", 3)) is None
    assert judged(text.replace(end, end + " ", 1)) == ("fineweb.punctuated_lines", 0.11, 0.12)


def test_other_marks_end_no_sentence() -> None:
    for end in ('"', ":", "…", ","):
        assert judged("\n".join(line + end for line in LINES))[1] == 0


def test_short_lines() -> None:
    short = [f"{i:02d} with the lengths of thirty." for i in range(67)]
    assert {len(line) for line in short} == {30}
    assert judged("\n".join(short + LINES[67:])) is None
    more = "\n".join([*short, "68 is one more of these.", *LINES[68:]])
    assert judged(more) == ("fineweb.short_lines", 0.68, 0.67)
    assert judged(more, short_line_length=23) is None


def test_characters_of_duplicate_lines() -> None:
    lines = [line + "." for line in LINES[:99]]
    text = "\n".join([*lines, lines[0]])
    assert judged(text) is None  # one of a hundred
    name, figure, limit = judged(text, duplicate_line_characters=0.0099)
    assert (name, limit) == ("fineweb.duplicate_line_characters", 0.0099)
    assert figure == pytest.approx(0.01)


def test_line_ends_for_each_word() -> None:
    lines = [f"{i} onelongwordwithoutablankinit{i}." for i in range(10)]  # three words each
    text = "\n".join(lines)
    assert judged(text) is None  # 9 of 30
    assert judged(text + "\n") == ("fineweb.newlines_per_word", 10 / 30, 0.3)


@pytest.mark.parametrize("text", ["", "\n\n", " \t\n\u3000"])
def test_no_lines(text: str) -> None:
    assert judged(text) == ("fineweb.lines", 0, 1)
