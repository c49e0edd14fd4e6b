from __future__ import annotations

import os
import sys

import pytest

from minilm.corpus.sources.folder import find
from minilm.errors import MinilmError

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes of Unix")


@pytest.fixture
def folder(tmp_path):
    for name in ("b.txt", "a/c.jsonl", "a/b/d.py", "x.bin", ".hidden.txt", ".git/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name in ("__pycache__", "node_modules", "a/site-packages"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f.py").write_bytes(b"x")
    return tmp_path


def names(path, format="auto"):
    found = find(str(path), format)
    assert all(os.path.isfile(path) for _, path in found)
    return [name for name, _ in found]


def test_a_folder_sorted_without_the_hidden_and_generated(folder):
    assert names(folder) == ["a/b/d.py", "a/c.jsonl", "b.txt"]
    assert names(folder, "code") == ["a/b/d.py"]


def test_a_file_is_taken_whatever_its_name(folder):
    assert find(str(folder / "x.bin")) == [("x.bin", str(folder / "x.bin"))]
    assert names(folder / ".hidden.txt") == [".hidden.txt"]


def test_patterns_name_files_from_where_they_begin(folder, monkeypatch):
    assert names(folder / "**" / "*.py") == [
        "__pycache__/f.py",
        "a/b/d.py",
        "a/site-packages/f.py",
        "node_modules/f.py",
    ]
    assert names(folder / "a" / "*.jsonl") == ["c.jsonl"]
    assert names(folder / "?.txt") == ["b.txt"]
    monkeypatch.chdir(folder)
    assert names("a/*.j[sx]onl") == ["c.jsonl"]
    assert names("*.txt") == ["b.txt"]


def test_a_name_with_a_star_goes_before_the_pattern(folder):
    (folder / "b[1].txt").write_bytes(b"x")
    assert names(folder / "b[1].txt") == ["b[1].txt"]


@unix_only
def test_links_are_followed_once(folder):
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "z.txt").symlink_to(folder / "b.txt")
    (folder / "gone.txt").symlink_to(folder / "nothing.txt")
    (folder / "c").symlink_to(folder / "a" / "b")
    found = names(folder)
    assert found == ["a/c.jsonl", "b.txt", "c/d.py"]


@unix_only
def test_what_is_no_file(folder):
    os.mkfifo(folder / "pipe.txt")
    assert "pipe.txt" not in names(folder)
    with pytest.raises(MinilmError, match=r"pipe.txt is a device, a pipe or a socket"):
        find(str(folder / "pipe.txt"))


@unix_only
def test_names_that_are_no_utf8(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff.txt")).write_bytes(b"x")
    except OSError:
        pytest.skip("the file system takes only UTF-8")
    ((name, path),) = find(str(tmp_path))
    assert name == "\\udcff.txt"
    assert os.path.exists(path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no", "no file or folder .*no; check the path"),
        ("*.nothing", "no file matches .*nothing; check the pattern"),
        ("a\0", "is no path"),
        ("b.txt/c", "cannot read .*: not a directory"),
    ],
)
def test_nothing_there(folder, path, message):
    with pytest.raises(MinilmError, match=message):
        find(f"{folder}/{path}")


def test_a_folder_without_text(folder):
    (folder / "e").mkdir()
    with pytest.raises(MinilmError, match=r"no file below the folder .*e is named like a text"):
        find(str(folder / "e"))
    with pytest.raises(MinilmError, match="is named like parquet; give another folder or format"):
        find(str(folder), "parquet")


def test_deep_folders(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "a.txt").write_bytes(b"x")
    assert names(tmp_path) == ["d/" * 300 + "a.txt"]
