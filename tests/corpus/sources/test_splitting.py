from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus.sources import Errors, SourceConfig, documents
from minilm.corpus.sources import content as content_module
from minilm.errors import MinilmError


def collect(path: Path, most: int, **options: str) -> tuple[list[tuple[str, str]], Errors]:
    errors = Errors()
    source = SourceConfig("s", str(path), max_document_bytes=most, **options)
    return [(d.id, d.text) for d in documents(source, errors)], errors


def test_cuts_are_behind_blank_lines_or_else_behind_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ntwo\n\nthree\nfour\nfive\nsix\nseven")
    found, errors = collect(path, 14)
    assert found == [
        ("a.txt#0", "one\ntwo\n\n"),
        ("a.txt#9", "three\nfour\n"),
        ("a.txt#20", "five\nsix\nseven"),
    ]
    assert not errors.counts
    # A file that fits is one document, whatever blank lines it has.
    assert collect(path, 35)[0] == [("a.txt", path.read_text())]
    path.write_bytes(b"one\r\ntwo\r\n\r\nthree\r\n")
    assert [text for _, text in collect(path, 16)[0]] == ["one\r\ntwo\r\n\r\n", "three\r\n"]


@given(st.binary(max_size=300), st.integers(1, 120), st.integers(1, 50), st.booleans())
def test_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, most: int, block: int, packed: bool
) -> None:
    data = bytes(b"ab\n."[byte % 4] for byte in data)
    path = tmp_path_factory.mktemp("a") / ("a.txt.gz" if packed else "a.txt")
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content_module, "BLOCK", block)
        found, errors = collect(path, most, on_error="skip")
    text = data.decode()
    assert all(len(part) <= most for _, part in found)
    at = 0
    for _, part in found:
        # Only blank lines may lie between, and lines that are too long behind the last.
        start = text.index(part, at)
        assert not text[at:start].strip("\n")
        at = start + len(part)
    rest = text[at:]
    assert errors.counts["size"] == (1 if rest.strip("\n") else errors.counts["size"])
    if errors.counts["size"]:
        assert max(map(len, text.split("\n"))) >= most


def test_faults_have_their_place_in_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\ntwo\nthr\xe9e\nfo\0r\nfive\n")
    with pytest.raises(MinilmError, match=r"a.txt, line 3: byte 0xe9 at byte 14 is no utf-8"):
        collect(path, 8)
    found, errors = collect(path, 8, on_error="skip")
    assert [text for _, text in found] == ["one\n", "two\n", "five\n"]
    assert "line 4: NUL" in errors.examples["encoding"][1]
    found, _ = collect(path, 8, on_error="replace")
    assert "".join(text for _, text in found) == "one\ntwo\nthr\ufffde\nfo\ufffdr\nfive\n"


def test_what_cannot_be_cut_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ntwo\n" + b"x" * 30 + b"\n")
    with pytest.raises(MinilmError, match=r"a.txt, line 3: no line ends within max_document_bytes"):
        collect(path, 10)
    path.write_bytes("one\ntwo\n".encode("utf-16"))
    with pytest.raises(MinilmError, match=r"a.txt: no line ends within max_document_bytes = 10"):
        collect(path, 10, encoding="utf-16", format="text")
    # Pages and programs are whole, or nothing.
    code = tmp_path / "b.py"
    code.write_bytes(b"x = 1\n" * 9)
    with pytest.raises(MinilmError, match="is larger than max_document_bytes"):
        collect(code, 10)
