from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.cleaning import white_space
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection

texts = st.text("ab \t\n\r\u00a0\u2028\u3000é", max_size=30)


def cleaned(text: str, **options) -> str:
    result = white_space(**options)(Document("a", text, "s"))
    return "" if isinstance(result, Rejection) else result.text


@given(texts, st.booleans(), st.integers(0, 2))
def test_words_stay_and_the_rest_is_regular(text, within_lines, blank_lines):
    result = cleaned(text, within_lines=within_lines, blank_lines=blank_lines)
    assert result.split() == text.split()
    assert cleaned(result, within_lines=within_lines, blank_lines=blank_lines) == result
    if not result:
        return
    assert not set(result) & set("\r\u00a0\u2028\u3000")
    assert "\n" * (blank_lines + 2) not in result
    assert not result.startswith("\n")
    assert not result.endswith("\n\n")
    for line in result.split("\n"):
        assert line == line.rstrip()
        if within_lines:
            assert line.lstrip() == " ".join(line.split())
    lines = [line.split() for line in text.splitlines() if line.split()]
    assert [line.split() for line in result.split("\n") if line] == lines


@given(texts)
def test_indentation_stays(text):
    plain = text.replace("\u00a0", " ").replace("\u3000", " ")
    first = [line[: -len(line.lstrip())] for line in plain.splitlines() if line.strip()]
    result = cleaned(text)
    assert [x[: -len(x.lstrip())] for x in result.split("\n") if x.strip()] == first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("\n\n  a  b\t\tc \t\n\n\n\n\td\n\n", "  a b c\n\n\td\n"),
        ("a\n \n \n \nb\n  ", "a\n\nb\n"),
        ("a\u00a0\u2009b", "a b"),
        ("a", "a"),
    ],
)
def test_examples(text, expected):
    assert cleaned(text) == expected


def test_options():
    assert cleaned("x  =  1\n\n\n\ny", within_lines=False) == "x  =  1\n\ny"
    assert cleaned("a\n\n\n\n\nb", blank_lines=3) == "a\n\n\n\nb"
    assert cleaned("a\n\n\nb", blank_lines=0) == "a\nb"
