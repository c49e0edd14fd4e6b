"""The embedded tasks: written anew they are the same, their answers are right and balanced."""

import re
from collections import Counter
from pathlib import Path

import pytest

from minilm.errors import MinilmError
from minilm.evaluation import tasks
from minilm.evaluation.items import Item
from minilm.evaluation.tasks.sentences import NOUNS, SENSE, VERBS
from minilm.evaluation.tasks.writing import WRITERS, write

FOLDER = Path(tasks.__file__).parent


def test_written_anew_they_are_the_same(tmp_path: Path) -> None:
    write(tmp_path)
    for name in tasks.NAMES:
        written = (tmp_path / f"{name}.jsonl").read_bytes()
        assert written == (FOLDER / f"{name}.jsonl").read_bytes(), name
    assert set(WRITERS) == set(tasks.NAMES) == {path.stem for path in FOLDER.glob("*.jsonl")}


@pytest.mark.parametrize("name", tasks.NAMES)
def test_no_answer_is_better_than_another_without_reading(name: str) -> None:
    items = tasks.load(name)
    n = len(items[0].continuations)
    assert Counter(item.answer for item in items) == dict.fromkeys(range(n), len(items) // n)
    assert len({(item.context, item.continuations) for item in items}) == len(items)
    for item in items:
        assert len(item.continuations) == n
        assert item.context
        assert not item.context.endswith(" ")


def _right(item: Item) -> str:
    return item.continuations[item.answer]


def test_arithmetic() -> None:
    for item in tasks.load("arithmetic"):
        for line in (item.context + _right(item)).splitlines():
            a, sign, b, result = re.fullmatch(r"(\d+) ([+-]) (\d+) = (\d+)", line).groups()
            assert int(a) + int(b) * (1 if sign == "+" else -1) == int(result)


def test_brackets() -> None:
    pairs = {")": "(", "]": "[", "}": "{"}

    def closes(text: str) -> bool:
        stack: list[str] = []
        for character in text:
            if character in pairs.values():
                stack.append(character)
            elif character in pairs and (not stack or stack.pop() != pairs[character]):
                return False
        return not stack

    for item in tasks.load("brackets"):
        assert [i for i in range(4) if closes(item.context + item.continuations[i])] == [
            item.answer
        ]


def test_copying() -> None:
    for item in tasks.load("copying"):
        for line in (item.context + _right(item)).splitlines():
            assert re.fullmatch(r"([a-z]{5}) = \1", line)
        assert len({"".join(sorted(choice)) for choice in item.continuations}) == 1


def test_induction() -> None:
    for item in tasks.load("induction"):
        *before, last = item.context.split()
        assert before.count(last) == 1
        assert [_right(item)[1:]] == [before[before.index(last) + 1]]
        assert {choice[1:] for choice in item.continuations} <= set(before)


def test_agreement() -> None:
    numbers = {word: number for noun in NOUNS for number, word in enumerate(noun)}
    verbs = {word: number for verb in VERBS for number, word in enumerate(verb)}
    attractors = Counter()
    for item in tasks.load("agreement"):
        words = item.context.split()
        assert verbs[_right(item)[1:]] == numbers[words[1]]
        attractors[numbers[words[1]], numbers[words[-1]]] += 1
    assert set(attractors.values()) == {30}
    assert len({item.document for item in tasks.load("agreement")}) == 30


def test_sense() -> None:
    assert all(len(set(words)) == 4 for _, *words in SENSE)
    right = {context: word for context, word, *_ in SENSE}
    for item in tasks.load("sense"):
        assert _right(item) == f" {right[item.context]}"


def test_a_task_that_is_not_there() -> None:
    with pytest.raises(MinilmError, match="no task 'agrement'; did you mean 'agreement'"):
        tasks.load("agrement")
