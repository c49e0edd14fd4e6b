"""Beside the package datatrove: the same documents kept, with the same text, for the same reason.

Words are what the filters lean on. With datatrove's own words (spaCy's tokens) every decision
is equal; with ours, all but those whose figures lie within a percent or so of a limit.
"""

from __future__ import annotations

import ast
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

datatrove = pytest.importorskip("datatrove")
pytest.importorskip("spacy")

from datatrove.data import Document as PeerDocument  # noqa: E402
from datatrove.pipeline import filters as peers  # noqa: E402
from datatrove.utils import text as peer_text  # noqa: E402

from minilm.corpus.documents import Document  # noqa: E402
from minilm.corpus.embedded import python_docs  # noqa: E402
from minilm.corpus.filters import C4, FineWeb, GopherQuality, GopherRepetition, words  # noqa: E402
from minilm.corpus.filters.characters import symbols, terminal_marks  # noqa: E402
from minilm.corpus.pipeline import Rejection  # noqa: E402

pytestmark = pytest.mark.oracle

PAIRS = {
    GopherQuality: peers.GopherQualityFilter,
    GopherRepetition: peers.GopherRepetitionFilter,
    C4: peers.C4QualityFilter,
    FineWeb: peers.FineWebQualityFilter,
}
REASONS = {
    "gopher_quality.words": {"gopher_short_doc", "gopher_long_doc"},
    "gopher_quality.mean_word_length": {
        "gopher_below_avg_threshold",
        "gopher_above_avg_threshold",
    },
    "gopher_quality.hashes_per_word": {"gopher_too_many_hashes"},
    "gopher_quality.ellipses_per_word": {"gopher_too_many_ellipsis"},
    "gopher_quality.bullet_lines": {"gopher_too_many_bullets"},
    "gopher_quality.ellipsis_lines": {"gopher_too_many_end_ellipsis"},
    "gopher_quality.lettered_words": {"gopher_below_alpha_threshold"},
    "gopher_quality.stop_words": {"gopher_enough_stop_words"},
    "gopher_repetition.characters": {"empty"},
    "gopher_repetition.duplicate_paragraphs": {"dup_para_frac"},
    "gopher_repetition.duplicate_paragraph_characters": {"dup_para_char_frac"},
    "gopher_repetition.duplicate_lines": {"dup_line_frac"},
    "gopher_repetition.duplicate_line_characters": {"dup_line_char_frac"},
    **{f"gopher_repetition.top_ngrams.{n}": {f"top_{n}_gram"} for n in (2, 3, 4)},
    **{
        f"gopher_repetition.duplicate_ngrams.{n}": {f"duplicated_{n}_n_grams"} for n in range(5, 11)
    },
    "c4.lorem_ipsum": {"lorem_ipsum"},
    "c4.braces": {"curly_bracket"},
    "c4.sentences": {"too_few_sentences"},
    "fineweb.lines": {"empty"},
    "fineweb.punctuated_lines": {"line_punct_ratio"},
    "fineweb.short_lines": {"short_line_ratio"},
    "fineweb.duplicate_line_characters": {"char_dup_ratio"},
    "fineweb.newlines_per_word": {"list_ratio"},
}


def docstrings() -> Iterator[str]:
    """Prose and code from the standard library."""
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:50]:
        source = path.read_text(encoding="utf-8", errors="replace")
        yield source[:20_000]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text and len(text) > 300:
                    yield text


def spam(text: str, generator: random.Random) -> Iterator[str]:
    """What a crawler brings home: menus, lists, repeats, notices, symbols."""
    sentences = " ".join(text.split()).replace(". ", ".\n").split("\n")
    few = sentences[: generator.randint(2, 30)]
    yield "\n".join(few)
    yield "\n".join(few + few[:2] * generator.randint(0, 4))
    yield "\n\n".join(few[:9] + few[:2] * generator.randint(0, 2))
    yield " ".join(text.split()) + " BUY NOW!" * generator.randint(0, 40)
    yield "\n".join("- " + line[: generator.randint(10, 80)] for line in few)
    yield "\n".join(line[: generator.randint(20, 90)] + "..." for line in few)
    yield " ".join("#" * (i % 9 == 0) + word for i, word in enumerate(text.split()[:300]))
    notices = [
        "Enable javascript now.",
        "We use cookies here.",
        "{",
        "Lorem ipsum it is.",
        "[3] x.",
    ]
    yield "\n".join([*few, *generator.sample(notices, 2), "One[12]", "It has the end.[edit]"])
    yield "".join(generator.choice("ab \n.•…#日 é") for _ in range(300))


@pytest.fixture(scope="module")
def texts() -> list[str]:
    generator = random.Random(0)
    found = [document.text for document in python_docs()]
    found += docstrings()
    whole = list(found)
    for text in generator.sample(whole, 60):
        found += spam(text, generator)
    return [*found[:: max(1, len(found) // 900)], "", "\n", "x", "•", "..."]


def compare(rule_type: type, texts: list[str], *, exact: bool) -> tuple[int, set[str]]:
    """How many decisions differ, and the reasons that were given."""
    rule, peer = rule_type(), PAIRS[rule_type]()
    n_different, reasons = 0, set()
    for text in texts:
        result = rule(Document("a", text, "here"))
        other = PeerDocument(text=text, id="a")
        try:
            verdict = peer.filter(other)
        except ZeroDivisionError:  # no words
            verdict = (False, "")
        if not isinstance(result, Rejection):
            n_different += verdict is not True or result.text != other.text
        elif verdict is True:
            n_different += 1
        else:
            reasons.add(result.rule)
            if exact and verdict[1]:
                assert verdict[1] in REASONS[result.rule], (text, result)
    return n_different, reasons


def test_fixed_lists() -> None:
    assert terminal_marks() == peer_text.TERMINAL_PUNCTUATION
    assert symbols() == peer_text.PUNCTUATION_SET


@pytest.mark.parametrize("rule", PAIRS)
def test_with_the_same_words(rule: type, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def of(text: str) -> words.Words:
        return words.Words.join(peer_text.split_into_words(text))

    def sentences(text: str) -> int:
        return sum(len(peer_text.split_into_sentences(line)) for line in text.split("\n"))

    monkeypatch.setattr(words, "of", of)
    monkeypatch.setattr(words, "sentences", sentences)
    n_different, reasons = compare(rule, texts, exact=True)
    assert n_different == 0
    assert len(reasons) >= 3


@pytest.mark.parametrize("rule", PAIRS)
def test_with_words_of_ones_own(rule: type, texts: list[str]) -> None:
    n_different, _ = compare(rule, texts, exact=False)
    assert n_different <= 0.005 * len(texts)


def test_words(texts: list[str]) -> None:
    """Nearly all words are the same; the rest are abbreviations and faces."""
    own = peer = common = 0
    for text in texts[:200]:
        ours, theirs = words.of(text).texts(), peer_text.split_into_words(text)
        own, peer = own + len(ours), peer + len(theirs)
        common += _shared(ours, theirs)
    assert abs(own / peer - 1) < 0.002
    assert common / peer > 0.997


def _shared(one: list[str], other: list[str]) -> int:
    left: dict[str, int] = {}
    for word in one:
        left[word] = left.get(word, 0) + 1
    n = 0
    for word in other:
        if left.get(word, 0):
            left[word] -= 1
            n += 1
    return n
