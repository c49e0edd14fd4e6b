from __future__ import annotations

import sysconfig

import pytest

from minilm.corpus import embedded, load
from minilm.corpus.sources import Errors, SourceConfig, documents, parts
from minilm.errors import MinilmError


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A standard library of a few files."""
    files = {
        "os.py": b"import abc\n",
        "koi.py": "# coding: koi8-r\n'мир'\n".encode("koi8-r"),
        "lib/empty.py": b" \n",
        "lib/bad.py": b"x = '\xf6'\n",
        "lib/unknown.py": b"# coding: no-such\n",
        "lib/data.txt": b"text",
        "site-packages/other.py": b"x = 1\n",
        "lib/__pycache__/x.py": b"x = 1\n",
        "pydoc_data/topics.py": b"x = 1\n",
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    return tmp_path


def test_sources_in_their_own_encodings(library):
    assert [(d.id, d.text, d.source) for d in embedded.python_code()] == [
        ("koi.py", "# coding: koi8-r\n'мир'\n", "python-code"),
        ("lib/unknown.py", "# coding: no-such\n", "python-code"),
        ("os.py", "import abc\n", "python-code"),
    ]
    assert [d.id for d in load("python-code")] == ["koi.py", "lib/unknown.py", "os.py"]


def test_as_a_source_it_never_stops(library):
    errors = Errors()
    source = SourceConfig("code", embedded="python-code")
    found = list(documents(source, errors))
    assert [(d.id, d.text) for d in found] == [(d.id, d.text) for d in embedded.python_code()]
    assert {d.source for d in found} == {"code"}
    assert errors.to_dict()["counts"] == {}


def test_a_python_without_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(MinilmError, match="installed without its sources"):
        parts(SourceConfig("code", embedded="python-code"))


def test_the_real_one():
    names = [name for name, _ in embedded.python_files()]
    assert names == sorted(names)
    assert "argparse.py" in names
    assert not [name for name in names if "site-packages" in name]
