from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("markdown_it")

from minilm.corpus.sources.markdown import text_of


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# One\n\nTwo\n===\n", "One\n\nTwo"),
        ("a *b* **c** `d  e` [f](g) <h@i.j> ![k *l*](m)", "a b c d  e f h@i.j k *l*"),
        ("one\ntwo  \nthree\\\nfour", "one two\nthree\nfour"),
        ("a <b>c</b> &amp; \\*\n\n<div>\nd\n</div>\n\ne", "a c & *\n\ne"),
        ("```py\nif x:\n    # y\n```\n\n    z\n", "if x:\n    # y\n\nz"),
        ("- a\n- b\n  - c\n\nd", "- a\n- b\n  - c\n\nd"),
        ("a\n- b\n- c\n", "a\n\n- b\n- c"),
        ("3. a\n4. b\n", "3. a\n4. b"),
        ("- a\n\n  b\n\n- c", "- a\n\n  b\n\n- c"),
        ("- a\n  ```\n  x\n  y\n  ```", "- a\n\n  x\n  y"),
        ("> a\n> b\n\n---\n\nc", "a b\n\nc"),
        ("| a | b |\n|---|---|\n| *1* | 2 |\n\nc", "a | b\n1 | 2\n\nc"),
        ("---\ntitle: x\n---\n\nbody", "body"),
        ("---\r\ntitle: x\r\n---\r\nbody", "body"),
        ("a\n\n---\n\nb\n\n---\n", "a\n\nb"),
        ("[a]: b\n\n<!-- c -->\n", ""),
        ("", ""),
    ],
)
def test_what_a_reader_sees(markdown, text):
    assert text_of(markdown) == text


@given(st.text("ab \n\t#*_-`>[]()!|:1.<&\\~=", max_size=60))
def test_any_text_has_a_text(markdown):
    text = text_of(markdown)
    assert set(text) <= set(markdown) | set("\n -.|<>&\ufffd") | set("0123456789")
    if markdown.replace("\n", "").replace(" ", "").isalpha() and "\n    " not in "\n" + markdown:
        assert text.split() == markdown.split()
