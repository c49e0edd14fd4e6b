from __future__ import annotations

import pickle

import pytest

from minilm.corpus.sources import SourceConfig, build
from minilm.errors import MinilmError

GOOD = {"name": "a", "path": "x"}


def test_values_are_taken_and_numbers_made_fit():
    source, other = build(
        [
            {**GOOD, "weight": 2, "metadata_keys": ["url"], "on_error": "skip", "max_bytes": 9},
            {"name": "b", "embedded": "python-docs"},
        ]
    )
    assert (source.weight, type(source.weight)) == (2.0, float)
    assert (source.metadata_keys, source.on_error, source.max_bytes) == (("url",), "skip", 9)
    assert (other.on_error, other.format, other.text_key) == ("stop", "auto", "text")
    assert pickle.loads(pickle.dumps(source)) == source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pth": "x"}, "source 'a': unknown key pth; did you mean 'path'?"),
        ({"name": ""}, "a source has no name; give it one"),
        ({"path": ""}, "source 'a': give either a path or an embedded corpus"),
        ({"embedded": "python-docs"}, "source 'a': give either a path or an embedded"),
        ({"path": "", "embedded": "python-doc"}, "'python-doc'; did you mean 'python-docs'?"),
        ({"format": "json"}, "source 'a': format = 'json'; did you mean 'jsonl'?"),
        ({"on_error": "ignore"}, "on_error = 'ignore'; choose from replace, skip, stop"),
        ({"weight": "1"}, "source 'a': weight = '1': expected a number"),
        ({"weight": True}, "weight = True: expected a number"),
        ({"weight": -1}, "source 'a': weight = -1.0: must be 0 or more"),
        ({"epochs": float("inf")}, "epochs = inf: must be 0 or more"),
        ({"max_bytes": 1.5}, "max_bytes = 1.5: expected a whole number"),
        ({"max_document_bytes": 0}, "max_document_bytes = 0: must be above 0"),
        ({"metadata_keys": "url"}, "metadata_keys = 'url': expected a list of texts"),
        ({"text_key": 1}, "text_key = 1: expected a text"),
        ({"encoding": "utf-9"}, "encoding = 'utf-9': no such encoding of text"),
        ({"encoding": "hex"}, "encoding = 'hex': no such encoding of text"),
        ({"encoding": "idna"}, "encoding = 'idna': no such encoding of text"),
        ({"encoding": "utf-16"}, "'utf-16': its lines do not end in a plain line feed"),
    ],
)
def test_mistakes(change, message):
    with pytest.raises(MinilmError) as caught:
        build([{**GOOD, **change}])
    assert message in str(caught.value)


def test_whole_files_may_have_any_encoding():
    assert SourceConfig("a", "x", format="text", encoding="utf-16").encoding == "utf-16"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], r"there is no source; add a \[\[source\]\]"),
        ({"name": "a"}, r"a list of tables: write \[\[source\]\]"),
        (["a"], r"a list of tables: write \[\[source\]\]"),
        ([GOOD, GOOD], "two sources are called 'a'"),
        ([{"path": "x", "nam": "a"}], "source 1: unknown key nam"),
    ],
)
def test_mistakes_of_the_list(tables, message):
    with pytest.raises(MinilmError, match=message):
        build(tables)
