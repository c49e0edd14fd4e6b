from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minilm.corpus.cleaning import characters, control_characters, mojibake, unicode_normal_form
from minilm.corpus.cleaning.characters import FORMS
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection


def cleaned(rule, text: str) -> str:
    result = rule(Document("a", text, "s"))
    return "" if isinstance(result, Rejection) else result.text


visible = st.text(min_size=1).filter(lambda text: not text.isspace())


# Normal forms


@given(visible, st.sampled_from(FORMS))
def test_the_normal_form_is_that_of_the_standard(text, form):
    assert cleaned(unicode_normal_form(form), text) == unicodedata.normalize(form, text)


def test_composed_and_compatible():
    assert cleaned(unicode_normal_form(), "e\u0301 ﬁ Ａ") == "é ﬁ Ａ"
    assert cleaned(unicode_normal_form("NFKC"), "e\u0301 ﬁ Ａ") == "é fi A"
    assert cleaned(unicode_normal_form("NFD"), "é") == "e\u0301"


@pytest.mark.parametrize(("n", "joiners"), [(30, 0), (31, 1), (61, 2)])
def test_more_marks_than_the_stream_safe_format_has(n, joiners):
    text = cleaned(unicode_normal_form("NFD"), "x" + "\u0315\u0300" * n + "y")
    assert text.count("\u034f") == (2 * n - 1) // 30
    text = cleaned(unicode_normal_form("NFD"), "x" + "\u0300" * n + "y")
    assert text == "x" + text[1:-1] + "y"
    assert text.count("\u034f") == joiners
    assert max(map(len, text[1:-1].split("\u034f"))) <= 30


def test_marks_without_end_take_no_hours():
    text = "a" + "\u0315\u0300" * 500_000
    assert len(cleaned(unicode_normal_form(), text)) > 1_000_000


# Control characters


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])))
def test_what_stays(text):
    result = cleaned(control_characters(), text + "x")
    dropped = {c for c in result if unicodedata.category(c) == "Cc"} - set("\t\n\r")
    assert not dropped
    assert "\ufeff" not in result
    assert cleaned(control_characters(), result) == result
    if "\x1b[" not in text:
        kept = [c for c in text if unicodedata.category(c) not in ("Cc", "Cn", "Cf")]
        assert [c for c in result[:-1] if unicodedata.category(c) not in ("Cc", "Cn", "Cf")] == kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\0b\x7fc\x9fd", "abcd"),
        ("a\tb\r\nc", "a\tb\r\nc"),
        ("a\x0bb\x0cc\x85d", "a\nb\nc\nd"),
        ("\x1b[1;31mred\x1b[0m [0m", "red [0m"),
        ("a\x1bb", "ab"),
        ("a\ufeffb\ufffab\U0001fffe\ufdd0c", "abbc"),
        ("a\u200db\u202ec", "a\u200db\u202ec"),
        ("é\x00", "é"),
    ],
)
def test_what_goes(text, expected):
    assert cleaned(control_characters(), text) == expected


# Mojibake


ftfy_only = pytest.mark.usefixtures("_needs_ftfy")


@pytest.fixture
def _needs_ftfy():
    pytest.importorskip("ftfy")


@ftfy_only
@pytest.mark.parametrize(
    ("wrong", "right"),
    [("windows-1252", "utf-8"), ("latin-1", "utf-8"), ("windows-1251", "utf-8")],
)
def test_text_that_was_decoded_wrongly(wrong, right):
    text = "L’été, où le cœur – déjà – rêve…\nПривет, мир\n"
    garbled = text.encode(right).decode(wrong, "surrogateescape")
    if any("\udc80" <= c <= "\udcff" for c in garbled):
        garbled = "schön – „naïve“ déjà vu".encode(right).decode(wrong)
        text = "schön – „naïve“ déjà vu"
    assert garbled != text
    assert cleaned(mojibake(), garbled) == text


@ftfy_only
@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "L’été “déjà” — ﬁne Ａ &amp; e\u0301\r\n\x1b[0m\ufeff",
        "Привет, мир. 日本語のテキスト。 ¿Qué? ÃO É",
    ],
)
def test_right_text_stays(text):
    assert cleaned(mojibake(), text) == text


def pieces_of_garbled_text() -> st.SearchStrategy[str]:
    encodings = ("latin-1", "windows-1252", "windows-1251", "windows-1250", "mac-roman", "cp437")
    words = st.sampled_from(["é", "“déjà”", "Привет", "œuvre", "… – ™", "à la", "日本", "ﬁ", "ß"])

    def garbled(word: str, encoding: str, times: int) -> str:
        for _ in range(times):
            word = word.encode("utf-8").decode(encoding, "replace")
        return word

    wrong = st.builds(garbled, words, st.sampled_from(encodings), st.integers(0, 2))
    marks = st.sampled_from(
        ["\n", "\r\n", " ", "Ã ", "Â", "œ", "\x85", "\x96", "\ufffd", "\u2028", "&amp;"]
    )
    return st.lists(wrong | marks | st.text(max_size=4), max_size=12).map("".join)


@ftfy_only
@settings(max_examples=400)
@given(pieces_of_garbled_text())
def test_all_is_as_ftfy_has_it(text):
    ftfy, config = characters._ftfy()
    assert characters._repaired(text) == ftfy.fix_text(text, config)


@ftfy_only
def test_very_long_lines_are_cut_as_ftfy_cuts_them(monkeypatch):
    ftfy, config = characters._ftfy()
    config = config._replace(max_decode_length=50)
    monkeypatch.setattr(characters, "_ftfy", lambda: (ftfy, config))
    text = "schÃ¶n " * 30 + "\n" + "l’Ã©tÃ© " * 5 + "\nend"
    assert characters._repaired(text) == ftfy.fix_text(text, config)
    assert "Ã" not in characters._repaired("l’Ã©tÃ© " * 5)
