"""Cloze: which paragraphs will do, and what is asked of them."""

from minilm.evaluation.cloze import CONTEXT, items

LONG = "one two three four five six seven eight"


def test_context_and_word() -> None:
    text = f"Title\n\n   {LONG} dogs.\n\n{LONG} cats\n"
    first, second = items([text])
    assert first.context == f"Title\n\n   {LONG}"
    assert first.continuations == (" dogs",)
    assert second.context == f"Title\n\n   {LONG} dogs.\n\n{LONG}"
    assert second.continuations == (" cats",)
    assert first.group == second.group
    assert first.is_cloze


def test_documents_are_apart() -> None:
    one, other = items([f"{LONG} dogs!", f"{LONG} cats?"])
    assert one.group != other.group
    assert other.context == LONG


def test_what_will_not_do() -> None:
    assert items(["too short a paragraph of dogs"]) == []
    assert items([f"{LONG} of"]) == []  # a short word
    assert items([f"{LONG} f(x)"]) == []
    assert items([f"{LONG} x42"]) == []
    assert items([f"{LONG}\n    dogs"]) == []  # after a line break
    assert items([f"{LONG} dogs;)"]) == []
    assert items(["", "\n\n\n"]) == []


def test_letters_of_all_scripts_and_a_limit() -> None:
    (item,) = items([f"{'x ' * 2000}été."])
    assert item.continuations == (" été",)
    assert len(item.context) == CONTEXT
