from __future__ import annotations

import errno
import gzip

import pytest

from minilm.corpus import embedded
from minilm.corpus.sources import Errors, SourceConfig, content, documents, parts, read
from minilm.errors import MinilmError

FILES = {
    "a.txt": b"text\r\n",
    "b.py": "# coding: koi8-r\nx = 'да'\n".encode("koi8-r"),
    "c.rs": "// é\n".encode(),
    "d.txt.gz": gzip.compress("zipped é".encode()),
    "e.jsonl": b'{"text": "line"}\n',
    "sub/f.txt": b"\xef\xbb\xbfbelow",
}


@pytest.fixture
def folder(tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def collect(path, on_error="skip", **options):
    errors = Errors()
    found = documents(SourceConfig("s", str(path), on_error=on_error, **options), errors)
    return [(document.id, document.text) for document in found], errors


def test_a_folder_of_all_kinds(folder):
    found, errors = collect(folder, on_error="stop")
    assert found == [
        ("a.txt", "text\r\n"),
        ("b.py", "# coding: koi8-r\nx = 'да'\n"),
        ("c.rs", "// é\n"),
        ("d.txt.gz", "zipped é"),
        ("e.jsonl#0", "line"),
        ("sub/f.txt", "below"),
    ]
    assert errors.counts == {}


def test_parts_give_the_same_in_any_order(folder):
    source = SourceConfig("s", str(folder))
    cut = parts(source, 10)
    assert len(cut) > 3
    found = [d for part in reversed(cut) for d in read(part)]
    assert sorted(found, key=lambda d: d.id) == list(documents(source))
    assert {d.source for d in found} == {"s"}


def test_markdown_and_html(tmp_path):
    pytest.importorskip("resiliparse")
    pytest.importorskip("markdown_it")
    (tmp_path / "a.md").write_bytes(b"# One\n\n*two*\n")
    page = "<meta charset=koi8-r><main><p>Да и нет, и снова да.</p></main>"
    (tmp_path / "b.html").write_bytes(page.encode("koi8-r"))
    (tmp_path / "c.html").write_bytes(b"<div>" * 5000)
    (tmp_path / "d.html").write_bytes(b"<nav></nav>")
    found, errors = collect(tmp_path)
    assert found == [("a.md", "One\n\ntwo"), ("b.html", "Да и нет, и снова да.")]
    assert errors.counts == {"format": 1, "empty": 1}
    assert "c.html cannot be read as html: more than 2000 elements" in errors.examples["format"][0]
    raw, _ = collect(tmp_path, format="text")
    assert raw == [("a.md", "# One\n\n*two*\n")]


@pytest.mark.parametrize(
    ("data", "name", "kind", "replaced"),
    [
        (b"caf\xe9", "x.txt", "encoding", "caf\ufffd"),
        (b"caf\xe9", "x.py", "encoding", "caf\ufffd"),
        (b"a\0b", "x.txt", "encoding", "a\ufffdb"),
        ("é".encode("utf-16"), "x.txt", "encoding", None),
        (gzip.compress(b"text")[:-2], "x.txt.gz", "compression", None),
        (b"text", "x.txt.gz", "compression", None),
        (b"x" * 2000, "x.txt", "size", None),
        (gzip.compress(b"x" * 2000), "x.txt.gz", "size", None),
        (b"", "x.txt", "empty", None),
        (b" \n", "x.txt", "empty", None),
    ],
)
def test_a_faulty_file_among_good_ones(folder, data, name, kind, replaced):
    (folder / name).write_bytes(data)
    good = [("a.txt", "text\r\n"), ("sub/f.txt", "below")]
    for on_error in ("skip", "replace"):
        found, errors = collect(folder, on_error, max_document_bytes=1000)
        assert errors.counts == {kind: 1}
        assert errors.examples[kind][0].startswith(str(folder / name))
        expected = [(name, replaced)] if on_error == "replace" and replaced else []
        assert [pair for pair in found if pair[0] == name] == expected
        assert [pair for pair in found if pair in good] == good
    if kind == "empty":
        assert len(collect(folder, "stop")[0]) == len(FILES)
    else:
        with pytest.raises(MinilmError, match=r"; mend it, or leave it out with on_error"):
            collect(folder, "stop", max_document_bytes=1000)


def test_a_policy_of_the_caller_goes_before_that_of_the_source(folder):
    (folder / "a.txt").write_bytes(b"\xff")
    (part,) = parts(SourceConfig("s", str(folder), on_error="skip"))
    with pytest.raises(MinilmError, match=r"a.txt, line 1: byte 0xff at byte 0 is no utf-8"):
        next(read(part, "stop"))
    assert next(read(part, "replace")).text == "\ufffd"
    with pytest.raises(MinilmError, match="did you mean 'replace'"):
        next(read(part, "replaced"))


def test_files_that_vanish(folder):
    (part,) = parts(SourceConfig("s", str(folder), on_error="skip"))
    (folder / "a.txt").unlink()
    (folder / "e.jsonl").unlink()
    errors = Errors()
    assert len(list(read(part, errors=errors))) == len(FILES) - 2
    assert errors.counts == {"changed": 2}


def test_files_that_must_not_be_read(folder, monkeypatch):
    def refuse(path, mode):
        if path.endswith("a.txt"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return open(path, mode)

    monkeypatch.setattr(content, "open", refuse, raising=False)
    found, errors = collect(folder)
    assert len(found) == len(FILES) - 1
    assert errors.examples == {"unreadable": [f"cannot read {folder / 'a.txt'}: permission denied"]}


def test_one_document_at_a_time(folder):
    reading = documents(SourceConfig("s", str(folder)))
    assert next(reading).id == "a.txt"
    (folder / "sub" / "f.txt").write_bytes(b"\xff")
    assert next(reading).id == "b.py"


def test_embedded_docs():
    found = list(documents(SourceConfig("docs", embedded="python-docs")))
    assert [d.text for d in found] == [d.text for d in embedded.python_docs()]
    assert {d.source for d in found} == {"docs"}
