"""Filters by name: published limits unless the recipe says otherwise, mistakes in one line."""

from __future__ import annotations

import math
import pickle
import re
import tomllib

import pytest

from minilm.corpus.documents import Document
from minilm.corpus.filters import C4, NAMES, FineWeb, GopherQuality, GopherRepetition, build
from minilm.errors import MinilmError


def test_all_of_them_in_order() -> None:
    rules = build({"fineweb": True, "c4": {}, "gopher_repetition": {}, "gopher_quality": True})
    assert rules == [FineWeb(), C4(), GopherRepetition(), GopherQuality()]
    assert build(dict.fromkeys(NAMES, False)) == build({}) == []


def test_from_toml() -> None:
    recipe = """
        [filters.gopher_quality]
        words = [5, inf]
        hashes_per_word = 1
        stop_word_list = ["der", "die"]
        [filters.gopher_repetition]
        top_ngrams = { 2 = 0.5 }
        duplicate_ngrams = {}
        [filters.c4]
        braces = false
        sentences = 3
        """
    assert build(tomllib.loads(recipe)["filters"]) == [
        GopherQuality(words=(5, math.inf), hashes_per_word=1, stop_word_list=("der", "die")),
        GopherRepetition(top_ngrams={2: 0.5}, duplicate_ngrams={}),
        C4(braces=False, sentences=3),
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"gopher_qualty": {}}, "no filter 'gopher_qualty'; did you mean 'gopher_quality'?"),
        ({"c4": {"brace": True}}, "filters.c4: unknown key 'brace'; did you mean 'braces'?"),
        ({"c4": {"braces": 1}}, "filters.c4: braces = 1: must be true or false"),
        ({"c4": {"sentences": True}}, "filters.c4: sentences = True: must be a number"),
        ({"c4": {"sentences": math.nan}}, "must be a number"),
        ({"c4": 3}, "filters.c4 = 3: write true, false or a table"),
        ({"gopher_quality": {"words": 5}}, "words = 5: must be a list"),
        ({"gopher_quality": {"words": [1]}}, "must be a list of two numbers"),
        ({"gopher_quality": {"words": [9, 1]}}, "words = [9, 1]: the least is more than the most"),
        ({"gopher_quality": {"words": ["a", 1]}}, "must be a number"),
        ({"gopher_quality": {"stop_word_list": [1]}}, "must be a list of words"),
        ({"gopher_repetition": {"top_ngrams": 2}}, "must be a table of limits"),
        ({"gopher_repetition": {"top_ngrams": {"two": 1}}}, "'two' is no number of words"),
        ({"gopher_repetition": {"top_ngrams": {"0": 1}}}, "'0' is no number of words"),
        ({"gopher_repetition": {"top_ngrams": {"2": "a"}}}, "must be a number"),
        ([], "filters = []: write a table"),
    ],
)
def test_mistakes(table, message: str) -> None:
    with pytest.raises(MinilmError, match=re.escape(message)):
        build(table)


def test_rules_go_to_other_processes() -> None:
    document = Document("a", "One line.\nTwo lines.", "here")
    for rule in build(dict.fromkeys(NAMES, True)):
        again = pickle.loads(pickle.dumps(rule))
        assert again(document) == rule(document)
