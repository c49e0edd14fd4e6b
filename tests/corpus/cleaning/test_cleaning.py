from __future__ import annotations

import pickle

import pytest

from minilm.corpus.cleaning import RULES, build
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection, apply
from minilm.errors import MinilmError

WITHOUT_EXTRA = [name for name in RULES if name != "mojibake"]


def test_rules_come_in_the_order_of_the_table():
    document = Document("a", "x\x0c\n\n\ny", "s", {"n": 1})
    first = build({"white_space": True, "control_characters": True})
    second = build({"control_characters": {}, "white_space": True})
    assert next(apply(first, [document])).text == "x\n\n\ny"
    assert next(apply(second, [document])).text == "x\n\ny"
    assert document.text == "x\x0c\n\n\ny"


def test_rules_can_be_sent_to_workers():
    document = Document("a", "cafe\u0301  8.8.8.8\0", "s", {"n": 1})
    rules = build(dict.fromkeys(WITHOUT_EXTRA, True))
    copies = pickle.loads(pickle.dumps(rules))
    (cleaned,) = apply(copies, [document])
    assert [cleaned] == list(apply(rules, [document]))
    assert (cleaned.text, cleaned.metadata) == ("café 192.0.2.1", {"n": 1})


@pytest.mark.parametrize("name", RULES)
def test_every_rule_by_name(name):
    if name == "mojibake":
        pytest.importorskip("ftfy")
    (rule,) = build({name: True})
    document = Document("a", "plain text\n", "s")
    assert rule(document) is document
    assert build({name: False}) == []


def test_a_document_of_which_nothing_is_left_is_rejected():
    document = Document("a", "\0\x1b[0m \n", "s")
    rejected: list[Rejection] = []
    assert list(apply(build({"control_characters": True}), [document], rejected.append)) == []
    assert rejected == [Rejection(document, "control_characters.characters", 0, 1)]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "cleaning is a table of rules: write [cleaning]"),
        ({"white_spce": True}, "cleaning: no rule 'white_spce'; did you mean 'white_space'?"),
        ({"white_space": "yes"}, "cleaning.white_space = 'yes': expected true, false or a table"),
        ({"white_space": {"blanks": 1}}, "cleaning.white_space: no parameter 'blanks'; did you"),
        ({"white_space": {"blank_lines": "1"}}, "blank_lines = '1': expected a whole number"),
        ({"white_space": {"blank_lines": True}}, "blank_lines = True: expected a whole number"),
        ({"white_space": {"within_lines": 1}}, "within_lines = 1: expected true or false"),
        ({"white_space": {"blank_lines": -1}}, "white_space: blank_lines = -1: must be 0 or more"),
        ({"mask_addresses": {"email": 1}}, "mask_addresses.email = 1: expected a text"),
        ({"control_characters": {"a": 1}}, "control_characters: no parameter 'a'; it takes none"),
        ({"unicode_normal_form": {"form": "nfc"}}, "unicode_normal_form: form = 'nfc'; choose"),
    ],
)
def test_mistakes(table, message):
    with pytest.raises(MinilmError) as caught:
        build(table)
    assert message in str(caught.value)
