"""The embedded labels: passages of the standard library by package."""

from collections import Counter

import pytest

from minilm.errors import MinilmError
from minilm.evaluation import packages
from minilm.evaluation.labelled import split


def test_the_labels_of_this_python() -> None:
    examples = packages.examples()
    counts = Counter(example.label for example in examples)
    assert {"asyncio", "email", "importlib"} <= set(counts)
    assert max(counts.values()) <= packages.PER_PACKAGE
    assert examples == packages.examples()
    for example in examples:
        assert example.document.startswith(example.label + "/")
        assert "/test" not in example.document
        assert len(example.text) >= packages.SIZE
    files = {label: {e.document for e in examples if e.label == label} for label in counts}
    assert min(map(len, files.values())) >= packages.FILES
    assert len({e.text for e in examples}) > 0.98 * len(examples)
    split(examples)


def test_passages_are_whole_lines_and_nothing_is_said_twice() -> None:
    text = "".join(f"line {i}\n" for i in range(100))
    found = packages.passages(text, size=50)
    assert text.startswith("".join(found))
    assert all(len(piece) >= 50 and piece.endswith("\n") for piece in found)
    assert all(len("".join(piece.splitlines(keepends=True)[:-1])) < 50 for piece in found)
    assert len(text) - len("".join(found)) < 50
    assert packages.passages("short\n") == []


def test_a_python_without_packages(monkeypatch) -> None:
    monkeypatch.setattr(packages, "python_files", lambda: [("ast.py", "/nowhere/ast.py")])
    with pytest.raises(MinilmError, match="no package of several files"):
        packages.examples()
