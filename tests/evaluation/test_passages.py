"""Texts from files: a line each, or a JSON object."""

from pathlib import Path

import pytest

from minilm.errors import MinilmError
from minilm.evaluation import passages


def test_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\n\n  zwö \nthree".encode())
    assert passages.read(path) == ["one", "zwö", "three"]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one\\ntwo", "id": 3}\n\n{"text": "three"}\n')
    assert passages.read(path) == ["one\ntwo", "three"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"\n \n", "a.txt has no text"),
        ("a.txt", b"ok\nb\xffd\n", r"a.txt:2: not UTF-8 at byte 2"),
        ("a.jsonl", b'{"text": "ok"}\n{"txt": 1}', r'a.jsonl:2: "text" is missing'),
        ("a.jsonl", b'{"text": 3}', r'a.jsonl:1: "text" is missing'),
        ("a.jsonl", b'{"text": " "}', r'a.jsonl:1: "text" is missing'),
        ("a.jsonl", b"{", r"a.jsonl:1: not JSON"),
    ],
)
def test_mistakes(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MinilmError, match=message):
        passages.read(tmp_path / name)


def test_no_file(tmp_path: Path) -> None:
    for name in ("a.txt", "a.jsonl"):
        with pytest.raises(MinilmError, match=f"cannot read .*{name}: no such file"):
            passages.read(tmp_path / name)
