from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minilm.corpus.documents import Document
from minilm.corpus.split import by_document, by_position, split
from minilm.errors import MinilmError


def documents(texts: dict[str, str]) -> list[Document]:
    return [Document(name, text, "here", {"n": 1}) for name, text in texts.items()]


corpora = st.dictionaries(st.text(max_size=3), st.text("ab", max_size=6), max_size=12).map(
    documents
)
fractions = st.floats(0, 1, exclude_min=True, exclude_max=True)


def joined(documents: list[Document]) -> str:
    return "".join(document.text for document in documents)


# By document


@given(corpora, fractions, st.integers(0, 3))
def test_every_document_is_on_one_side_in_order(corpus, fraction, seed):
    assume(len(corpus) >= 2)
    training, validation = by_document(corpus, fraction, seed)
    assert training
    assert validation
    assert [d for d in corpus if d in training] == training
    assert [d for d in corpus if d not in training] == validation


def test_sides_are_the_same_on_every_machine():
    corpus = documents({f"topic {i}": "x" for i in range(20)})
    held_out = {seed: [d.id[6:] for d in by_document(corpus, 0.2, seed)[1]] for seed in (0, 1)}
    assert held_out == {0: ["11", "12", "13"], 1: ["3", "5", "8", "9", "11", "13"]}


def test_a_document_stays_on_its_side_when_others_come():
    corpus = documents({str(i): "x" for i in range(1000)})
    few = {d.id for d in by_document(corpus[:500], 0.1)[1]}
    many = {d.id for d in by_document(corpus, 0.1)[1]}
    assert few == many & {d.id for d in corpus[:500]}
    less = {d.id for d in by_document(corpus, 0.05)[1]}
    assert less < many
    assert 70 < len(many) < 130  # 100 expected, standard deviation 9.5


def test_an_empty_side_gets_the_document_of_the_nearest_length():
    # With so small a fraction, all three fall on the training side.
    corpus = documents({"a": "x" * 1000, "b": "x" * 10, "c": "x" * 100})
    training, validation = by_document(corpus, 1e-9)
    assert [d.id for d in validation] == ["b"]
    training, validation = by_document(corpus, 1 - 1e-9)
    assert [d.id for d in training] == ["b"]
    # 444 = 0.4 * 1110 is nearer to 100 than to 1000; with 0.6, 666 is nearer to 1000.
    seed = next(s for s in range(99) if sum(_held_out(corpus, 0.4, s)) == 0)
    assert [d.id for d in by_document(corpus, 0.4, seed)[1]] == ["c"]
    seed = next(s for s in range(99) if sum(_held_out(corpus, 0.6, s)) == 0)
    assert [d.id for d in by_document(corpus, 0.6, seed)[1]] == ["a"]


def _held_out(corpus: list[Document], fraction: float, seed: int) -> list[bool]:
    """Sides by hash alone: those in a corpus so large that none can be empty."""
    others = documents({f"other {i}": "" for i in range(200)})
    held_out = by_document(corpus + others, fraction, seed)[1]
    return [document in held_out for document in corpus]


def test_a_single_document_is_cut():
    training, validation = by_document(documents({"a": "x" * 90 + "y" * 10}))
    assert (joined(training), joined(validation)) == ("x" * 90, "y" * 10)


# By position


@given(corpora, fractions)
def test_sides_are_the_text_cut_once(corpus, fraction):
    text = joined(corpus)
    assume(len(text) >= 2)
    training, validation = by_position(corpus, fraction)
    assert joined(training) + joined(validation) == text
    cut = int(len(text) * (1 - fraction))
    assert len(joined(training)) == min(max(cut, 1), len(text) - 1)


@given(corpora, fractions)
def test_only_the_cut_document_is_on_both_sides(corpus, fraction):
    assume(len(joined(corpus)) >= 2)
    training, validation = by_position(corpus, fraction)
    both = {d.id for d in training} & {d.id for d in validation}
    assert len(both) <= 1
    assert {d.id for d in training} | {d.id for d in validation} == {d.id for d in corpus}
    whole = {d.id: d for d in corpus}
    for part in training + validation:
        if part.id in both:
            first, end = part.metadata["characters"]
            assert part.text == whole[part.id].text[first:end] != ""
            assert part.metadata["n"] == 1
        else:
            assert part == whole[part.id]


def test_the_cut_is_where_nanogpt_puts_it():
    # Its README: tiny Shakespeare has 1,003,854 training and 111,540 validation characters.
    training, validation = by_position(documents({"a": "x" * 1_115_394}), 0.1)
    assert (len(joined(training)), len(joined(validation))) == (1_003_854, 111_540)


# Both


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
@pytest.mark.parametrize("method", ["document", "position"])
def test_impossible_fractions(method, fraction):
    with pytest.raises(MinilmError, match=f"validation fraction is {fraction}; choose"):
        split(documents({"a": "xx", "b": "xx"}), method, fraction)


@pytest.mark.parametrize("method", ["document", "position"])
def test_too_little_to_split(method):
    with pytest.raises(MinilmError, match="no documents"):
        split([], method)
    with pytest.raises(MinilmError, match="a text of 1 characters cannot be split"):
        split(documents({"a": "x"}), method)


def test_method_by_name():
    corpus = documents({str(i): "xx" for i in range(9)})
    assert split(corpus, "document", 0.5, 3) == by_document(corpus, 0.5, 3)
    assert split(corpus, "position", 0.5, 3) == by_position(corpus, 0.5)
    with pytest.raises(MinilmError, match="'documents'; did you mean 'document'"):
        split(corpus, "documents")
