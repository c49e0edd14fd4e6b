from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.cleaning import mask_addresses
from minilm.corpus.documents import Document

RULE = mask_addresses("E", "4", "6")


def masked(text: str) -> str:
    return RULE(Document("a", text, "s")).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail jo@x.org now", "mail E now"),
        ("<jo.doe+tag@mail.example.co.uk>,", "<E>,"),
        ("a@b.de,c@d.fr;mailto:e@f.it.", "E,E;mailto:E."),
        ("müller@größe.de", "E"),
        ("..jo@x.org", "..E"),
        ("jo@x.org.", "E."),
        ("jo@x.org@y.com", "E@y.com"),
        ("x" * 70 + "@y.com", "x" * 6 + "E"),
        ("@dataclass a@b @ c@ @d.com ...@e.com", "@dataclass a@b @ c@ @d.com ...@e.com"),
        ("a@b.c a@-b.com a@b..com a@1.23", "a@b.c a@-b.com a@b..com a@1.23"),
        ("a@b.com-x", "a@b.com-x"),
    ],
)
def test_emails(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.8.8.8", "4"),
        ("at 8.8.8.8, 1.1.1.1:80.", "at 4, 4:80."),
        ("http://93.184.216.34/x", "http://4/x"),
        ("127.0.0.1 10.1.2.3 192.168.0.1 0.0.0.0", "127.0.0.1 10.1.2.3 192.168.0.1 0.0.0.0"),
        (
            "256.1.1.1 1.2.3 1.2.3.4.5 v8.8.8.8 8.8.8.8a",
            "256.1.1.1 1.2.3 1.2.3.4.5 v8.8.8.8 8.8.8.8a",
        ),
        ("3.1415.9.2.6", "3.1415.9.2.6"),
        ("08.8.8.8", "08.8.8.8"),
    ],
)
def test_ipv4(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2606:4700:4700::1111", "6"),
        ("[2A00:1450:4001:81b:0:0:0:200e]:80", "[6]:80"),
        ("2001:db8::1 fe80::1 ::1 a::b std::vector", "2001:db8::1 fe80::1 ::1 a::b std::vector"),
        ("2024:12:30 20:30:15 x2606:4700::1", "2024:12:30 20:30:15 x2606:4700::1"),
    ],
)
def test_ipv6(text, expected):
    assert masked(text) == expected


def test_what_stands_in_their_place():
    document = Document("a", "jo@x.org 8.8.8.8 2606:4700::1111", "s")
    rule = mask_addresses()
    assert rule(document).text == "email@example.com 192.0.2.1 2001:db8::1"
    assert rule(rule(document)).text == rule(document).text
    backslash = mask_addresses(email=r"\1")
    assert backslash(document).text.startswith(r"\1 ")


@given(st.text("a1.@-: é", max_size=40))
def test_the_rest_stays(text):
    result = masked(text + ".") + "|"
    pieces = re.split("E|4|6", result)
    position = 0
    for piece in pieces:
        found = (text + ".|").find(piece, position)
        assert found >= position
        position = found + len(piece)


@given(st.from_regex(r"\A[a-z0-9]{1,9}@[a-z0-9]{1,9}\.(?:org|com)\Z"), st.sampled_from(' ,;<(\n"'))
def test_any_simple_email_is_found(email, before):
    assert masked(f"see{before}{email}{before}x") == f"see{before}E{before}x"
