from __future__ import annotations

import codecs
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minilm.corpus import files
from minilm.corpus.files import decode, find, read
from minilm.errors import MinilmError

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes of Unix")


def message(path: Path | str) -> str:
    with pytest.raises(MinilmError) as caught:
        read(path)
    text = str(caught.value)
    assert text.isprintable(), "the message must be one line"
    return text


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"text of {name}", encoding="utf-8")


# Bytes to text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_text_survives_with_or_without_a_byte_order_mark(text):
    if not text.startswith("\ufeff"):
        assert decode(text.encode(), "f") == text
    assert decode(codecs.BOM_UTF8 + text.encode(), "f") == text


@given(st.binary(max_size=20))
def test_bytes_give_themselves_or_an_error_with_the_first_bad_byte(data):
    escaped = data.decode("utf-8", "surrogateescape")
    bad = [i for i, character in enumerate(escaped) if 0xDC80 <= ord(character) <= 0xDCFF]
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        reason = "is UTF-16"
    elif 0 in data:
        reason = f"(NUL at byte {data.index(0)})"
    elif bad:
        reason = f"at byte {len(escaped[: bad[0]].encode())}, "
    else:
        assert decode(data, "f").encode() == data.removeprefix(codecs.BOM_UTF8)
        return
    with pytest.raises(MinilmError, match=re.escape(reason)):
        decode(data, "f")


def test_line_ends_stay(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\rthree\n")
    assert read(tmp_path / "a.txt")[0].text == "one\r\ntwo\rthree\n"


def test_offsets_count_the_byte_order_mark():
    with pytest.raises(MinilmError, match=r"byte 0xe9 at byte 6, line 2 \("):
        decode(codecs.BOM_UTF8 + b"a\nb\xe9", "f")


# One file


def test_a_file_is_read_whatever_its_suffix(tmp_path):
    (tmp_path / "data.bin").write_text("é", encoding="utf-8")
    (document,) = read(str(tmp_path / "data.bin"))
    assert (document.id, document.text) == ("data.bin", "é")
    assert document.source == str(tmp_path / "data.bin")


def test_a_hidden_file_is_read_when_named(tmp_path):
    (tmp_path / ".x").write_text("a", encoding="utf-8")
    assert read(tmp_path / ".x")[0].text == "a"


def test_missing(tmp_path, monkeypatch):
    assert (
        message(tmp_path / "no.txt") == f"no file or folder {tmp_path / 'no.txt'}; check the path"
    )
    monkeypatch.chdir(tmp_path)
    assert message("no.txt") == f"no file or folder no.txt in {Path.cwd()}; check the path"


def test_a_file_as_folder(tmp_path):
    make(tmp_path, "a.txt")
    assert "cannot read" in message(tmp_path / "a.txt" / "b.txt") or sys.platform == "win32"


@pytest.mark.parametrize("path", ["", "a\0b", "a" * 5000, "no\nsuch"])
def test_impossible_paths(path):
    message(path)


@pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8])
def test_empty(tmp_path, data):
    (tmp_path / "a.txt").write_bytes(data)
    assert message(tmp_path / "a.txt").startswith(f"{tmp_path / 'a.txt'} is empty")


def test_not_utf8(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ntw\xf6\n")
    text = message(tmp_path / "a.txt")
    assert text.startswith(f"{tmp_path / 'a.txt'} is not UTF-8: byte 0xf6 at byte 6, line 2")


@pytest.mark.parametrize("data", [b"\xff\xfea\0", b"\xfe\xff\0a"])
def test_utf16_is_named(tmp_path, data):
    (tmp_path / "a.txt").write_bytes(data)
    assert "is UTF-16, not UTF-8" in message(tmp_path / "a.txt")


def test_binary(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    assert "a.txt is binary, not text (NUL at byte 8)" in message(tmp_path / "a.txt")


@unix_only
def test_special_files_are_refused_unopened(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    assert "pipe.txt is a device, a pipe or a socket" in message(tmp_path / "pipe.txt")
    assert "pipe.txt is a device, a pipe or a socket" in message(tmp_path)
    assert "is a device, a pipe or a socket" in message("/dev/zero")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied"), "permission denied"),
        (OSError(5, "Input/output error"), "input/output error"),
        (MemoryError(), "does not fit in memory"),
    ],
)
def test_unreadable_file(tmp_path, monkeypatch, error, reason):
    def fail(self):
        raise error

    make(tmp_path, "a.txt")
    monkeypatch.setattr(Path, "read_bytes", fail)
    for path in (tmp_path / "a.txt", tmp_path):
        assert str(tmp_path / "a.txt") in message(path)
        assert reason in message(path)


def test_unreadable_folder(tmp_path, monkeypatch):
    def fail(path):
        raise PermissionError(13, "Permission denied")

    make(tmp_path, "a.txt")
    monkeypatch.setattr(files.os, "scandir", fail)
    assert message(tmp_path).startswith(f"cannot read {tmp_path}: permission denied")


# Folders


def test_folder_is_read_in_order_of_path(tmp_path):
    make(tmp_path, "b.txt", "a/z.md", "a.TXT", "a-b/x.py", "a/b/c.rst", "c.bin", "no_suffix")
    documents = read(tmp_path)
    assert [d.id for d in documents] == ["a-b/x.py", "a.TXT", "a/b/c.rst", "a/z.md", "b.txt"]
    assert [d.text for d in documents] == [f"text of {d.id}" for d in documents]
    assert {d.source for d in documents} == {str(tmp_path)}


def test_hidden_and_empty_files_are_left_out(tmp_path):
    make(tmp_path, ".hidden.txt", ".git/a.txt", "a/.b/c.txt", "seen.txt")
    (tmp_path / "empty.txt").write_bytes(b"")
    assert [d.id for d in read(tmp_path)] == ["seen.txt"]


def test_a_hidden_folder_is_read_when_named(tmp_path):
    make(tmp_path, ".data/a.txt")
    assert [d.id for d in read(tmp_path / ".data")] == ["a.txt"]


def test_folder_without_text(tmp_path):
    assert "it has no file named like text" in message(tmp_path)
    make(tmp_path, "a.bin")
    assert "it has no file named like text" in message(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"")
    assert "all its text files are empty" in message(tmp_path)


def test_a_bad_file_in_a_folder_is_named(tmp_path):
    make(tmp_path, "a.txt")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.txt").write_bytes(b"\xff")
    assert message(tmp_path).startswith(f"{tmp_path / 'b' / 'c.txt'} is not UTF-8: byte 0xff")


@unix_only
def test_links_are_followed_once_and_never_in_circles(tmp_path):
    make(tmp_path, "m/real.txt", "outside/o.txt", "corpus/z.txt", "corpus/m/n.txt")
    corpus = tmp_path / "corpus"
    (corpus / "a.txt").symlink_to(corpus / "z.txt")  # before its own name, yet the own name wins
    (corpus / "b.txt").symlink_to(tmp_path / "m" / "real.txt")
    (corpus / "c.txt").symlink_to(tmp_path / "m" / "real.txt")
    (corpus / "circle").symlink_to(corpus)
    (corpus / "m" / "up").symlink_to(tmp_path / "corpus")
    for name in ("again", "zagain"):  # before and after the real folder, which wins
        (corpus / name).symlink_to(corpus / "m")
    (corpus / "o").symlink_to(tmp_path / "outside")
    (corpus / "self.txt").symlink_to(corpus / "self.txt")
    (corpus / "gone.txt").symlink_to(corpus / "gone")
    assert [name for name, _ in find(corpus)] == ["b.txt", "m/n.txt", "o/o.txt", "z.txt"]
    assert [d.id for d in read(corpus)] == ["b.txt", "m/n.txt", "o/o.txt", "z.txt"]


@unix_only
def test_a_linked_folder_is_read(tmp_path):
    make(tmp_path, "real/a.txt")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert [d.id for d in read(tmp_path / "link")] == ["a.txt"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_unicode(tmp_path):
    folder = os.fsencode(tmp_path)
    with open(folder + b"/\xff\n.txt", "wb") as file:
        file.write(b"text")
    (document,) = read(tmp_path)
    assert document.id == "\\udcff\n.txt"
    with open(folder + b"/\xff\n.txt", "wb") as file:
        file.write(b"\xff")
    message(tmp_path)
    message(os.fsdecode(folder + b"/\xff\n.txt"))


def test_very_deep_folders(tmp_path):
    deep = tmp_path
    depth = min(500, (1000 if sys.platform != "win32" else 200) - len(str(tmp_path))) // 2
    for _ in range(depth):
        deep = deep / "d"
    make(deep, "a.txt")
    assert [d.id for d in read(tmp_path)] == ["d/" * depth + "a.txt"]
