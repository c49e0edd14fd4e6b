"""JSON lines: what is read, and what is said of lines at fault."""

from pathlib import Path

import pytest

from minilm.errors import MinilmError
from minilm.evaluation.json_lines import records


def _read(folder: Path, data: bytes) -> list:
    path = folder / "lines.jsonl"
    path.write_bytes(data)
    return [(where.removeprefix(f"{path}:"), record) for where, record in records(path)]


def test_lines_are_numbered_and_blank_ones_passed(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"b": "\xc3\xa9"}'
    assert _read(tmp_path, data) == [("1", {"a": 1}), ("4", {"b": "é"})]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1}\n{"a": }\n', r"lines\.jsonl:2: not JSON: Expecting value at column 7"),
        (b'{"a": 1}\n{"a": "\xff"}\n', r"lines\.jsonl:2: not UTF-8 at byte 8 of the line"),
        (b"[1, 2]\n", r"lines\.jsonl:1: not a JSON object"),
        (b"[" * 100_000, r"lines\.jsonl:1: not JSON"),
        (b"1" * 5000, r"lines\.jsonl:1: not JSON"),
        (b" \n\n", r"lines\.jsonl is empty"),
    ],
)
def test_lines_at_fault(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        _read(tmp_path, data)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=r"cannot read .*nothing\.jsonl: no such file"):
        list(records(tmp_path / "nothing.jsonl"))
    with pytest.raises(MinilmError, match=r"cannot read .*directory"):
        list(records(tmp_path))
