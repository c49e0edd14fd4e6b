from __future__ import annotations

import pytest

from minilm import corpus
from minilm.errors import MinilmError


def test_load_takes_names_files_and_folders(tmp_path):
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    assert corpus.load("python-docs")[0].source == "python-docs"
    assert [d.text for d in corpus.load(str(tmp_path / "a.txt"))] == ["text"]
    assert [d.text for d in corpus.load(str(tmp_path))] == ["text"]


def test_a_corpus_goes_before_a_file_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "python-docs").write_text("text", encoding="utf-8")
    assert len(corpus.load("python-docs")) > 1
    assert [d.text for d in corpus.load("./python-docs")] == ["text"]


def test_a_misspelt_corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MinilmError, match="did you mean 'python-docs'"):
        corpus.load("python_docs")
    (tmp_path / "python_docs").write_text("text", encoding="utf-8")
    assert [d.text for d in corpus.load("python_docs")] == ["text"]
