from __future__ import annotations

import json

import pytest

from minilm.corpus.sources.problems import EXAMPLES, Errors
from minilm.errors import MinilmError


def test_stop_raises_and_says_what_to_do():
    errors = Errors()
    with pytest.raises(MinilmError, match=r'^a:3: not JSON; mend it, .*on_error = "skip"$'):
        errors.found("json", "a:3: not JSON", "stop")


@pytest.mark.parametrize("on_error", ["stop", "skip", "replace"])
def test_empty_documents_never_stop(on_error):
    errors = Errors()
    errors.found("empty", "a is empty", on_error)
    assert errors.counts == {"empty": 1}


def test_counts_add_up_and_examples_are_few():
    errors = Errors()
    for part in range(3):
        other = Errors()
        for i in range(4):
            other.found("json", f"{part}:{i}", "skip")
        other.found("encoding", f"{part}", "replace")
        errors.merge(other)
    assert errors.counts == {"json": 12, "encoding": 3}
    assert errors.examples["json"] == ["0:0", "0:1", "0:2", "0:3", "1:0"]
    assert len(errors.examples["json"]) == EXAMPLES
    record = json.loads(json.dumps(errors.to_dict()))
    assert list(record["counts"]) == ["encoding", "json"]
    assert Errors.from_dict(record) == errors
