"""Labelled texts: the format, and a split that no document crosses."""

import json
from pathlib import Path

import pytest

from minilm.errors import MinilmError
from minilm.evaluation.labelled import Example, read, split


def _read(folder: Path, *found: dict) -> list[Example]:
    path = folder / "l.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in found))
    return read(path)


def test_reading(tmp_path: Path) -> None:
    one, two, three = _read(
        tmp_path,
        {"text": "a", "label": "x", "document": "d"},
        {"text": "b", "label": 3, "more": [1]},
        {"text": "b", "label": "3"},
    )
    assert one == Example("a", "x", "d")
    assert (two.text, two.label, three.label) == ("b", "3", "3")
    assert two.document != three.document


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"label": "x"}, 'no "text" but "label"'),
        ({"text": "a"}, 'no "label" but "text"'),
        ({}, 'no "text" but no keys'),
        ({"text": 3, "label": "x"}, '"text" must be a text'),
        ({"text": " ", "label": "x"}, '"text" must be a text, and not an empty one'),
        ({"text": "a", "label": True}, '"label" must be a text'),
        ({"text": "a", "label": ""}, '"label" must be a text, and not an empty one'),
        ({"text": "a", "label": "x", "document": 1}, '"document" must be a text'),
    ],
)
def test_lines_at_fault(tmp_path: Path, record: dict, message: str) -> None:
    with pytest.raises(MinilmError, match=rf"l\.jsonl:2: {message}"):
        _read(tmp_path, {"text": "a", "label": "x"}, record)


def _examples(documents: dict[str, int], each: int = 3) -> list[Example]:
    return [
        Example(f"{label} {i} {j}", label, f"{label}/{i}")
        for label, n in documents.items()
        for i in range(n)
        for j in range(each)
    ]


def test_a_document_is_on_one_side_and_every_label_on_both() -> None:
    examples = _examples({"a": 20, "b": 2, "c": 7})
    training, test = split(examples)
    assert sorted(training + test, key=examples.index) == examples
    assert not {e.document for e in training} & {e.document for e in test}
    per_label = {label: len({e.document for e in test if e.label == label}) for label in "abc"}
    assert per_label == {"a": 6, "b": 1, "c": 2}
    assert split(examples) == (training, test)
    assert split(examples[::-1])[1] == test[::-1]
    assert split(examples, seed=1)[1] != test
    assert len(split(examples, fraction=0.9)[0]) == 3 * (2 + 1 + 1)


def test_what_cannot_be_split() -> None:
    with pytest.raises(MinilmError, match="all examples have the label 'a'"):
        split(_examples({"a": 5}))
    with pytest.raises(MinilmError, match="the label 'b' has 1 of its own documents"):
        split(_examples({"a": 5, "b": 1}))


def test_the_split_does_not_hang_on_how_the_path_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "t {i}", "label": {i % 2}}}\n' for i in range(40)))
    monkeypatch.chdir(tmp_path)
    assert split(read("a.jsonl")) == split(read(path)) == split(read("./a.jsonl"))
