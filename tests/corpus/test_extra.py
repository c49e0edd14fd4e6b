from __future__ import annotations

import sys

import pytest

from minilm.corpus import cleaning, extra
from minilm.corpus.cleaning import characters
from minilm.corpus.sources import SourceConfig, parts
from minilm.errors import MinilmError


def test_a_package_that_is_there():
    assert extra.load("json.decoder", "json", "corpus", "x").JSONDecodeError


@pytest.mark.parametrize(
    ("name", "module", "message"),
    [
        ("a.jsonl.zst", "zstandard", r"a.jsonl.zst needs .* zstandard: pip .*'minilm\[corpus\]'"),
        ("a.html", "resiliparse.extract.html2text", r"needs .* resiliparse: .*'minilm\[corpus\]'"),
        ("a.md", "markdown_it", r"needs .* markdown-it-py: .*'minilm\[corpus\]'"),
        ("a.parquet", "pyarrow.parquet", r"needs .* pyarrow: .*'minilm\[parquet\]'"),
    ],
)
def test_what_is_missing_shows_when_files_are_listed(name, module, message, tmp_path, monkeypatch):
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MinilmError, match=message):
        parts(SourceConfig("a", str(tmp_path)))


def test_a_cleaner_without_its_package(monkeypatch):
    characters._ftfy.cache_clear()
    monkeypatch.setitem(sys.modules, "ftfy", None)
    with pytest.raises(MinilmError, match=r"needs the package ftfy: pip install 'minilm\[corpus"):
        cleaning.build({"mojibake": True})
    assert len(cleaning.build({"mojibake": False, "white_space": True})) == 1
