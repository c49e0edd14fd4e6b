"""Gopher's filters: each figure by hand, at its limit and one step beyond."""

from __future__ import annotations

import pytest

from minilm.corpus.documents import Document
from minilm.corpus.filters import GopherQuality, GopherRepetition
from minilm.corpus.pipeline import Rejection

GOOD = "It was the best of times and it was the worst. "


def judged(rule, text: str):
    """(rule, figure, limit) of a rejection; None if the document stays as it is."""
    document = Document("a", text, "here", {"n": 1})
    result = rule(document)
    if isinstance(result, Rejection):
        assert result.document is document
        return result.rule.partition(".")[2], result.figure, result.limit
    assert result is document
    return None


def rejects(rule, text: str, name: str, figure: float, limit: float) -> bool:
    found = judged(rule, text)
    return found is not None and found[::2] == (name, limit) and found[1] == pytest.approx(figure)


def test_published_limits() -> None:
    rule = GopherQuality()
    assert (rule.words, rule.mean_word_length) == ((50, 100_000), (3, 10))
    assert (rule.hashes_per_word, rule.ellipses_per_word) == (0.1, 0.1)
    assert (rule.bullet_lines, rule.ellipsis_lines, rule.lettered_words) == (0.9, 0.3, 0.8)
    assert rule.stop_words == 2
    assert set(rule.stop_word_list) == {"the", "be", "to", "of", "and", "that", "have", "with"}
    again = GopherRepetition()
    assert (again.duplicate_lines, again.duplicate_paragraphs) == (0.3, 0.3)
    assert again.duplicate_line_characters == again.duplicate_paragraph_characters == 0.2
    assert again.top_ngrams == {2: 0.2, 3: 0.18, 4: 0.16}
    assert again.duplicate_ngrams == {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.1}


def test_number_of_words_without_symbols() -> None:
    # 11 words and a full stop each.
    assert rejects(GopherQuality(), GOOD * 4, "words", 44, 50)
    assert judged(GopherQuality(), GOOD * 5) is None
    assert judged(GopherQuality(words=(55, 55)), GOOD * 5) is None
    assert rejects(GopherQuality(words=(0, 54)), GOOD * 5, "words", 55, 54)
    assert rejects(GopherQuality(), "", "words", 0, 50)


def test_mean_length_of_words_without_symbols() -> None:
    text = "the to xxxx ! !"  # 3 + 2 + 4
    rule = GopherQuality(words=(0, 9), lettered_words=0)
    assert judged(rule, text) is None
    for limits, limit in (((3.01, 10), 3.01), ((0, 2.99), 2.99)):
        short = GopherQuality(words=(0, 9), lettered_words=0, mean_word_length=limits)
        assert rejects(short, text, "mean_word_length", 3, limit)


def test_hashes_and_ellipses_for_each_word_or_symbol() -> None:
    rule = GopherQuality(words=(0, 99))
    words = "the and that have with "
    assert judged(rule, words * 4 + "# one") is None  # 1 of 22
    # 3 of 23: of the 20 words without the others it would be 0.15, of 25 it would be 0.12.
    assert rejects(rule, words * 4 + "###", "hashes_per_word", 3 / 23, 0.1)
    assert rejects(rule, words * 4 + "#a #b c#", "hashes_per_word", 3 / 26, 0.1)
    assert rejects(
        GopherQuality(words=(0, 99), hashes_per_word=0.12, ellipses_per_word=0.05),
        words * 4 + "... a… #",
        "ellipses_per_word",
        2 / 24,
        0.05,
    )


def test_lines_with_bullets_and_ellipses() -> None:
    rule = GopherQuality(words=(0, 999), mean_word_length=(0, 10), ellipses_per_word=1)
    line = "the cat and the dog\n"
    bullets = ("  • " + line) * 5 + ("- " + line) * 4
    assert judged(rule, bullets + line) is None  # 0.9
    assert rejects(rule, bullets + "\t-" + line, "bullet_lines", 1.0, 0.9)
    ends = "the cat and the dog...  \nthe cat and…\nthe dog ...\n"
    assert judged(rule, line * 7 + ends) is None  # 0.3
    assert rejects(rule, line * 6 + ends, "ellipsis_lines", 1 / 3, 0.3)
    # A carriage return ends a line too.
    assert rejects(rule, line.replace("\n", "\r") * 6 + ends, "ellipsis_lines", 1 / 3, 0.3)


def test_words_with_a_letter_and_stop_words() -> None:
    rule = GopherQuality(words=(0, 99), mean_word_length=(0, 10))
    assert judged(rule, "the and a2 cat 3") is None  # 0.8
    assert rejects(rule, "the and a2 3", "lettered_words", 0.75, 0.8)
    assert rejects(rule, "the the cat And", "stop_words", 1, 2)
    assert judged(GopherQuality((0, 99), stop_words=1), "the the cat And") is None
    other = GopherQuality((0, 99), (0, 9), stop_word_list=("der", "die", "der"))
    assert judged(other, "der Hund die Katze") is None
    assert rejects(other, "der Hund und das", "stop_words", 1, 2)


def test_duplicate_paragraphs_and_lines() -> None:
    rule = GopherRepetition(top_ngrams={}, duplicate_ngrams={})
    assert rejects(rule, "aa\n\nbb\n\n\naa", "duplicate_paragraphs", 1 / 3, 0.3)
    assert judged(rule, "aaaa\n\nbbbb\n\ncccc\n\na\n\na") is None
    long = "a b c d\n\n" * 2 + "e\n\nf\n\ng"  # 1 of 5, but 7 of 25 characters
    assert rejects(rule, long, "duplicate_paragraph_characters", 7 / 25, 0.2)
    # Blank lines are no lines: 1 of 3, not 3 of 5.
    assert rejects(rule, "aa\n\nbb\naa", "duplicate_lines", 1 / 3, 0.3)
    assert rejects(rule, "aaaaa\nb\nc\nd\naaaaa", "duplicate_line_characters", 5 / 17, 0.2)
    assert judged(rule, "aa\nb c d\nd e f g\ndefgh\naa") is None
    assert judged(rule, "") == ("characters", 0, 1)


def test_repeated_runs_of_words() -> None:
    text = "to be or to be and so it is that they went"
    size = len(text)
    top = GopherRepetition(top_ngrams={2: 10 / size, 3: 1}, duplicate_ngrams={})
    assert judged(top, text) is None
    less = GopherRepetition(top_ngrams={3: 1, 2: 9.9 / size}, duplicate_ngrams={})
    assert rejects(less, text, "top_ngrams.2", 10 / size, 9.9 / size)
    twice = GopherRepetition(top_ngrams={}, duplicate_ngrams={1: 1, 2: 3.9 / size})
    assert rejects(twice, text, "duplicate_ngrams.2", 4 / size, 3.9 / size)
