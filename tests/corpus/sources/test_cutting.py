from __future__ import annotations

import pickle

import pytest

from minilm.corpus.sources import SourceConfig, parts
from minilm.errors import MinilmError


def layout(found):
    return [[(p.name, p.kind, p.first, p.end) for p in part.pieces] for part in found]


def test_small_files_share_parts_and_large_lines_are_cut(tmp_path):
    for name, size in (("a.txt", 40), ("b.txt", 60), ("c.py", 1), ("d.jsonl", 250), ("e.txt", 300)):
        (tmp_path / name).write_bytes(b"x" * size)
    source = SourceConfig("s", str(tmp_path))
    found = parts(source, 100)
    assert layout(found) == [
        [("a.txt", "text", None, None), ("b.txt", "text", None, None)],
        [("c.py", "code", None, None), ("d.jsonl", "jsonl", 0, 83)],
        [("d.jsonl", "jsonl", 83, 166)],
        [("d.jsonl", "jsonl", 166, 250)],
        [("e.txt", "text", None, None)],
    ]
    assert [part.name for part in found] == [f"s-0000{i}" for i in range(5)]
    assert [part.n_bytes for part in found] == [100, 84, 83, 84, 300]
    assert pickle.loads(pickle.dumps(found)) == found == parts(source, 100)


def test_compressed_lines_are_not_cut(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(b"x" * 1000)
    assert layout(parts(SourceConfig("s", str(tmp_path)), 100)) == [
        [("a.jsonl.gz", "jsonl", None, None)]
    ]


def test_an_empty_file_has_a_part(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"")
    assert layout(parts(SourceConfig("s", str(tmp_path)))) == [[("a.jsonl", "jsonl", 0, 0)]]


def test_a_format_that_is_named_goes_before_the_suffix(tmp_path):
    (tmp_path / "a.md").write_bytes(b"x")
    (tmp_path / "b.json").write_bytes(b"x")
    assert layout(parts(SourceConfig("s", str(tmp_path), format="text"))) == [
        [("a.md", "text", None, None)]
    ]
    assert layout(parts(SourceConfig("s", str(tmp_path), format="jsonl"))) == [
        [("b.json", "jsonl", 0, 1)]
    ]


def test_embedded_corpora():
    (docs,) = parts(SourceConfig("s", embedded="python-docs"))
    assert layout([docs]) == [[("", "python-docs", None, None)]]
    code = parts(SourceConfig("s", embedded="python-code"))
    assert {piece.kind for part in code for piece in part.pieces} == {"python-code"}
    assert max(part.n_bytes for part in code) <= 16 * 2**20


def test_nothing_there(tmp_path):
    with pytest.raises(MinilmError, match="no file or folder"):
        parts(SourceConfig("s", str(tmp_path / "no")))
