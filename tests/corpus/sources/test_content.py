from __future__ import annotations

import codecs
import gzip
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.sources.config import SourceConfig
from minilm.corpus.sources.content import BLOCK, blocks, decode, repair, whole
from minilm.corpus.sources.piece import Piece
from minilm.corpus.sources.problems import Mark

SOURCE = SourceConfig("a", "x", max_document_bytes=3 * BLOCK)


class Reports(list[str]):
    def __call__(self, kind: str, message: str) -> None:
        self.append(f"{kind}: {message}")


def piece(path, size=None) -> Piece:
    size = os.stat(path).st_size if size is None else size
    return Piece("text", str(path), path.name, size)


def decoded(data: bytes, on_error: str, encoding: str = "utf-8") -> tuple[str | None, list[str]]:
    reports = Reports()
    return decode(data, "f", encoding, on_error, reports), reports


# The bytes of a file


def test_a_file_in_blocks(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(range(256)) * 8200)
    reports = Reports()
    found = list(blocks(piece(path), reports))
    assert b"".join(found) == path.read_bytes() == whole(piece(path), SOURCE, reports)
    assert max(map(len, found)) == BLOCK
    assert b"".join(blocks(piece(path), reports, start=300)) == path.read_bytes()[300:]
    assert reports == []


def test_a_file_that_vanished(tmp_path):
    reports = Reports()
    gone = piece(tmp_path / "a", 3)
    assert list(blocks(gone, reports)) == [Mark.LOST]
    assert reports == [f"changed: {tmp_path / 'a'} vanished after it was listed"]
    assert whole(gone, SOURCE, reports) is None


def test_a_file_that_shrank_or_grew(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    reports = Reports()
    assert list(blocks(piece(path, 5), reports)) == [b"abc", Mark.LOST]
    assert reports == [f"changed: {path} has 3 bytes, but had 5 when it was listed"]
    assert list(blocks(piece(path, 9), reports, start=7)) == [Mark.LOST]
    assert reports[1] == f"changed: {path} has 3 bytes, but had 9 when it was listed"
    assert whole(piece(path, 5), SOURCE, reports) is None
    assert whole(piece(path, 2), SOURCE, Reports()) == b"abc"


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(3 * BLOCK))
    reports = Reports()
    reading = blocks(piece(path), reports)
    assert next(reading) == bytes(BLOCK)
    os.truncate(path, BLOCK + 10)
    assert [block if block is Mark.LOST else len(block) for block in reading] == [10, Mark.LOST]
    assert reports == [
        f"changed: {path} has {BLOCK + 10} bytes, but had {3 * BLOCK} when it was listed"
    ]


def test_what_the_system_refuses(tmp_path):
    reports = Reports()
    assert list(blocks(piece(tmp_path), reports)) == [Mark.LOST]
    assert reports == [f"unreadable: cannot read {tmp_path}: is a directory"]


def test_documents_above_the_limit_are_not_held(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(SOURCE.max_document_bytes)))
    reports = Reports()
    assert len(whole(piece(path), SOURCE, reports)) == SOURCE.max_document_bytes
    smaller = replace(SOURCE, max_document_bytes=SOURCE.max_document_bytes - 1)
    assert whole(piece(path), smaller, reports) is None
    assert reports == [f"size: {path} is larger than max_document_bytes = {3 * BLOCK - 1}"]


def test_a_broken_document_is_none(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"abc")[:-1])
    reports = Reports()
    assert whole(piece(path), SOURCE, reports) is None
    assert [report[:12] for report in reports] == ["compression:"]


# Bytes to text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_text_survives(text):
    for data in (text.encode(), codecs.BOM_UTF8 + text.encode()):
        if data[:3] == text.encode()[:3] and text.startswith("\ufeff"):
            continue
        for on_error in ("stop", "skip", "replace"):
            assert decoded(data, on_error) == (text, [])


@given(st.binary(max_size=12))
def test_any_bytes_in_every_mode(data):
    try:
        expected = data.decode().removeprefix("\ufeff")
        bad = "\0" in expected
    except UnicodeDecodeError:
        expected = data.decode(errors="replace").removeprefix("\ufeff")
        bad = True
    if data[:2] in (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE):
        text, reports = decoded(data, "replace")
        assert (text, reports) == (
            None,
            ['encoding: f is UTF-16; say so in its source: encoding = "utf-16"'],
        )
        return
    text, reports = decoded(data, "skip")
    assert (text, len(reports)) == (None if bad else expected, bad)
    text, reports = decoded(data, "replace")
    assert (text, len(reports)) == (expected.replace("\0", "\ufffd"), bad)


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (b"a\nb\xe9", "utf-8", "f, line 2: byte 0xe9 at byte 3 is no utf-8 (unexpected end"),
        (b"a\xff", "ascii", "f, line 1: byte 0xff at byte 1 is no ascii (ordinal not in"),
        (b"a\n\nb\0", "utf-8", "f, line 3: NUL at character 4: not a text file"),
        (b"a", "utf-16", "f, line 1: byte 0x61 at byte 0 is no utf-16 (truncated data)"),
    ],
)
def test_places(data, encoding, message):
    text, reports = decoded(data, "skip", encoding)
    assert text is None
    assert reports[0].startswith(f"encoding: {message}")
    text, reports = decoded(data, "replace", encoding)
    assert "\ufffd" in text
    assert len(reports) == 1


def test_other_encodings():
    assert decoded("é\n".encode("utf-16"), "stop", "utf-16") == ("é\n", [])
    assert decoded(b"\xe9", "stop", "latin-1") == ("é", [])


@given(st.text())
def test_repaired_text_can_be_encoded(text):
    repaired = repair(text)
    assert repaired.encode().decode() == repaired
    assert len(repaired) == len(text)
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert repaired == text
