"""Tasks by name and file, and n-grams beside the model."""

import json
from pathlib import Path

import numpy as np
import pytest

from minilm.errors import MinilmError
from minilm.evaluation.ngram import WittenBell
from minilm.models.config import GPTConfig
from minilm.models.gpt import GPT
from minilm.recipes import questions
from minilm.tokenizers import BytesTokenizer, CharTokenizer

TEXT = "all of these many words lead up to the last word of them, which is paragraph."
WORDS = CharTokenizer.train(["abcdefghijklmnopqrstuvwxyzT ,."], with_end_of_text=True)


def _load(words: str, tokenizer=None, texts=(TEXT,)):
    return questions.load(words, lambda: list(texts), tokenizer or BytesTokenizer())


def test_names_files_and_all(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"context": "a", "continuation": " b"}) + "\n")
    found, notes = _load(f"agreement, {path} ,cloze,agreement")
    assert [task.name for task in found] == ["agreement", str(path), "cloze"]
    assert notes == []
    assert found[2].items[0].continuations == (" paragraph",)
    assert found[1].n_tokens == 4  # the beginning, "a", " " and "b"
    assert [task.name for task in _load("all")[0]] == list(questions.NAMES)
    assert _load("") == ([], [])


def test_all_leaves_out_what_cannot_be_asked_and_says_so() -> None:
    found, notes = _load("all", WORDS, texts=("short",))
    names = [task.name for task in found]
    assert "agreement" in names
    assert "arithmetic" not in names
    assert "cloze" not in names
    assert any("arithmetic.jsonl:1: character" in note for note in notes)
    assert any("no paragraph of 8 words" in note for note in notes)
    with pytest.raises(MinilmError, match=r"arithmetic\.jsonl:1: character"):
        _load("arithmetic", WORDS)
    with pytest.raises(MinilmError, match="no paragraph of 8 words"):
        _load("cloze", texts=("short",))


def test_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=r"no task 'clozes'; did you mean 'cloze'\?; or give"):
        _load("clozes")
    with pytest.raises(MinilmError, match=r"cannot read nothing\.jsonl"):
        _load("nothing.jsonl")


def test_ngrams_answer_beside_the_model(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    items = [
        {"context": "xaxax", "continuations": ["b", "a"], "answer": 1},
        {"context": "ybyby", "continuations": ["b", "a"], "answer": 1},
    ]
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    (task,), _ = _load(str(path))
    model = GPT(GPTConfig(vocab_size=257, block_size=8, n_layer=1, n_head=1, n_embd=4), seed=0)
    train = np.frombuffer(b"xa" * 50 + b"yb" * 50, np.uint8)
    counted = (WittenBell(train, 257, max_order=3), 2)
    answered = questions.answer(model, counted, task)
    assert answered.ngram.value == 0.5  # right after x, wrong after y
    assert answered.result.items == 2
    assert questions.answer(model, None, task).ngram is None
    (task,), _ = _load("cloze")
    assert questions.answer(model, counted, task).ngram is None
