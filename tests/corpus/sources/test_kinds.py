from __future__ import annotations

import pytest

from minilm.corpus.sources.config import FORMATS
from minilm.corpus.sources.kinds import SUFFIXES, compression, kind_of, wanted


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", "text"),
        ("a.TXT.gz", "text"),
        ("a.rst", "text"),
        ("a.md", "markdown"),
        ("a.htm.zst", "html"),
        ("a.jsonl", "jsonl"),
        ("a.ndjson.zst", "jsonl"),
        ("a.json", "jsonl"),
        ("a.json.gz", "jsonl"),
        ("a.parquet", "parquet"),
        ("b/a.py", "code"),
        ("README", "text"),
        (".gz", "text"),
        ("a.gz", "text"),
    ],
)
def test_kinds_by_name(name, kind):
    assert kind_of(name) == kind
    assert all(kind_of(name, each) == each for each in FORMATS if each != "auto")


def test_what_a_folder_gives():
    names = ["a.txt", "a.md", "a.html", "a.json", "a.jsonl.gz", "a.py", "a.parquet", "a.jpg", "a"]
    found = {each: [name[2:] for name in names if wanted(name, each)] for each in FORMATS}
    assert found == {
        "auto": ["txt", "md", "html", "jsonl.gz", "py", "parquet"],
        "text": ["txt", "md", "py"],
        "jsonl": ["json", "jsonl.gz"],
        "parquet": ["parquet"],
        "markdown": ["md"],
        "html": ["html"],
        "code": ["py"],
    }


def test_no_suffix_has_two_kinds():
    every = [suffix for suffixes in SUFFIXES.values() for suffix in suffixes]
    assert len(every) == len(set(every))
    assert set(SUFFIXES) == set(FORMATS) - {"auto"}


def test_compression():
    names = ["a.gz", "a.ZST", "a.zst.txt", "gz", ".gz"]
    assert [compression(name) for name in names] == ["gzip", "zstd", "", "", ""]
