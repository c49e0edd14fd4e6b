from __future__ import annotations

import pytest

from minilm.corpus.sources.html import DEEPEST, declared_encoding, text_of

pytest.importorskip("resiliparse")

PAGE = """<!doctype html><html><head><title>T</title><style>p {}</style></head><body>
<nav><a href="/">Home</a> <a href="/x">Other</a></nav>
<main><h1>Brewing tea</h1><p>Boil the <b>water</b> &amp; wait,
then pour it over the leaves.</p><pre>a
  b</pre></main><script>alert("x")</script><footer>Imprint</footer></body></html>"""


def test_the_main_text():
    text = text_of(PAGE)
    assert text.startswith("Brewing tea\n\nBoil the water & wait, then pour it over the leaves.")
    assert "a\n  b" in text
    assert not [word for word in ("Home", "Imprint", "alert", "{}", "<") if word in text]


@pytest.mark.parametrize("page", ["", "<p>", "<html></html>", "<!-- x -->"])
def test_pages_without_text(page):
    assert text_of(page).strip() == ""


def test_pages_too_deep_to_be_parsed_in_time():
    deep = "<div>" * 100_000
    for page in (deep + "x", deep + "x" + "</div>" * 100_000, "<DIV a='b'>" * 2001):
        with pytest.raises(ValueError, match="more than 2000 elements inside each other"):
            text_of(page)


def test_long_pages_are_not_deep():
    count = 3 * DEEPEST
    page = "<main>" + "<p>One<br>two<b>three</b></p><ul><li>a<li>b</ul>" * count + "</main>"
    assert text_of(page).count("three") == count
    assert text_of("<p>word" * count).count("word") == count


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (b"<meta charset=utf-8>", "utf-8"),
        (b'<META http-equiv="Content-Type" content="text/html; charset=KOI8-R">', "koi8-r"),
        (b"<meta charset='iso-8859-1'>", "cp1252"),
        (b"<meta charset=no-such>", ""),
        (b"<meta charset=hex>", ""),
        (b"<title>charset=utf-8</title>", ""),
        (b" " * 2000 + b"<meta charset=koi8-r>", ""),
        (b"", ""),
    ],
)
def test_declared_encodings(head, encoding):
    assert declared_encoding(head) == encoding
