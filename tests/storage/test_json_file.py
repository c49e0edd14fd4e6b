"""JSON from strangers."""

import os
from pathlib import Path

import pytest

from minilm.errors import MinilmError
from minilm.storage import json_file


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "not JSON"),
        (b'{"a":', "not JSON"),
        (b"{}x", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"\xff": 1}', "not UTF-8 at byte 2"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": 1, "a": 1}', "'a' stands in it twice"),
        (b'{"a": {"b": 1, "b": 2}}', "'b' stands in it twice"),
        (b'{"\\ud800": 1}', "not Unicode"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "limit"),
    ],
)
def test_faults(tmp_path: Path, data: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        json_file.parse(data)
    (tmp_path / "config.json").write_bytes(data)
    with pytest.raises(MinilmError, match=rf"config\.json cannot be used: .*{fault}"):
        json_file.read(tmp_path / "config.json")


def test_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"a": [1, 2.5, true, null, "é\\ud83d\\ude00"]}', "utf-8")
    assert json_file.read(tmp_path / "config.json") == {"a": [1, 2.5, True, None, "é😀"]}


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MinilmError, match="no file"):
        json_file.read(tmp_path / "missing.json")
    with pytest.raises(MinilmError, match="is not a file"):
        json_file.read(tmp_path)
    with pytest.raises(MinilmError, match="cannot read"):
        json_file.read(f"{tmp_path}/a\0b")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(MinilmError, match="is not a file"):
            json_file.read(tmp_path / "pipe")
    (tmp_path / "long.json").write_text("{}" + " " * 100)
    monkeypatch.setattr(json_file, "LIMIT", 50)
    with pytest.raises(MinilmError, match="longer than 50 bytes"):
        json_file.read(tmp_path / "long.json")
