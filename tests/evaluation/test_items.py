"""Items: the format, its other names, and lines at fault by file and line."""

import json
from pathlib import Path

import pytest

from minilm.errors import MinilmError
from minilm.evaluation.items import Item, read

GOOD = {"context": "2 + 2 =", "continuations": [" 5", " 4"], "answer": 1}


def _read(folder: Path, *found: dict) -> list[Item]:
    path = folder / "q.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in found))
    return read(path)


def test_multiple_choice(tmp_path: Path) -> None:
    by_text = {**GOOD, "answer": " 4"}
    elsewhere = {"query": "2 + 2 =", "choices": [" 5", " 4"], "gold": 1, "subject": "sums"}
    items = _read(tmp_path, GOOD, by_text, elsewhere)
    for item in items:
        assert (item.context, item.continuations, item.answer) == ("2 + 2 =", (" 5", " 4"), 1)
        assert not item.is_cloze
    assert items[2].where.endswith("q.jsonl:3")
    assert len({item.group for item in items}) == 3


def test_cloze_and_documents(tmp_path: Path) -> None:
    one = {"context": "a", "continuation": " b", "document": "d"}
    items = _read(tmp_path, one, one)
    assert items[0].is_cloze
    assert items[0].continuations == (" b",)
    assert items[0].group == items[1].group


def _without(key: str) -> dict:
    return {name: value for name, value in GOOD.items() if name != key}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (_without("context"), 'no "context" but "continuations", "answer"'),
        (_without("continuations"), 'no "continuations" but "context", "answer"'),
        (_without("answer"), 'no "answer" but'),
        ({}, "but no keys"),
        ({**GOOD, "context": 3}, '"context" must be a text, not a number'),
        ({**GOOD, "document": None}, '"document" must be a text, not null'),
        ({**GOOD, "continuations": " 4"}, '"continuations" must be a list of texts'),
        ({**GOOD, "continuations": [" 4", ""]}, "none of them empty"),
        ({**GOOD, "continuations": [" 4", 4]}, '"continuations" must be a list of texts'),
        ({**GOOD, "continuations": [" 4"]}, '1 in "continuations"; give two or more'),
        ({**GOOD, "continuations": [" 4", " 4"]}, "' 4' is there twice"),
        ({**GOOD, "answer": 2}, '"answer" is 2; give the place .* 0 to 1'),
        ({**GOOD, "answer": -1}, '"answer" is -1'),
        ({**GOOD, "answer": True}, '"answer" is True'),
        ({**GOOD, "answer": 1.0}, r'"answer" is 1\.0'),
        ({**GOOD, "answer": " 6"}, "\"answer\" is ' 6'"),
        ({"context": "a", "continuation": ""}, '"continuation" must be a text'),
        ({"context": "a", "continuation": ["b"]}, '"continuation" must be a text'),
        ({"context": "a", "continuation": " b"}, "put cloze and multiple choice in two files"),
    ],
)
def test_lines_at_fault(tmp_path: Path, record: dict, message: str) -> None:
    with pytest.raises(MinilmError, match=rf"q\.jsonl:2: .*{message}"):
        _read(tmp_path, GOOD, record)
