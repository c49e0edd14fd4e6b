"""What is wrong with text of the web, made from clean text: copies, spam, quotations, mojibake.

Everything is drawn from a `random.Random`, and each function says what a corpus build should
make of its result.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from minilm.corpus.deduplication import normalised

__all__ = ["SPAM", "accented", "copied", "edited", "mojibake", "quoting", "similarity", "spam"]

_TOKEN = re.compile(r"(\w+)(\W*)")
_SHINGLE = 5

# Kind -> the rule that should reject it, with the filters in the order of SPAM's recipes:
# gopher_quality, gopher_repetition, c4, fineweb.
SPAM = {
    "menu": "gopher_quality.words",
    "hashes": "gopher_quality.hashes_per_word",
    "ellipses": "gopher_quality.ellipses_per_word",
    "bullets": "gopher_quality.bullet_lines",
    "numbers": "gopher_quality.lettered_words",
    "keywords": "gopher_quality.stop_words",
    "same line": "gopher_repetition.duplicate_lines",
    "same phrase": "gopher_repetition.top_ngrams.2",
    "filler": "c4.lorem_ipsum",
    "program": "c4.braces",
    "headlines": "c4.sentences",
    "short lines": "fineweb.short_lines",
}
_STOP = {"the", "be", "to", "of", "and", "that", "have", "with"}


def _tokens(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in _TOKEN.finditer(text)]


def _joined(tokens: Sequence[tuple[str, str]]) -> str:
    return "".join(word + after for word, after in tokens)


def _words(text: str) -> list[str]:
    return [word.lower() for word, _ in _tokens(text)]


def _lines(words: Sequence[str], size: int, begin: str = "", end: str = "") -> str:
    groups = [words[i : i + size] for i in range(0, len(words) - size + 1, size)]
    return "\n".join(begin + " ".join(group).capitalize() + end for group in groups)


def similarity(one: str, other: str) -> float:
    """The Jaccard similarity of two texts as sets of runs of 5 words."""
    a, b = (_shingles(normalised(text).split()) for text in (one, other))
    return len(a & b) / len(a | b)


def _shingles(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + _SHINGLE]) for i in range(len(words) - _SHINGLE + 1)}


def edited(text: str, wanted: float, generator: random.Random) -> str:
    """The text with some words replaced, so that its `similarity` is about `wanted`.

    Each word that is far from the others is in 5 of the n runs: k of them leave
    (n - 5k) / (n + 5k).
    """
    tokens = _tokens(text)
    n = len(tokens) - _SHINGLE + 1
    k = max(1, round((1 - wanted) / (1 + wanted) * n / _SHINGLE))
    step = len(tokens) / k
    vocabulary = [word for word, _ in tokens]
    for i in range(k):
        at = min(int(i * step + generator.random() * (step - _SHINGLE)), len(tokens) - 1)
        old, after = tokens[at]
        new = generator.choice(vocabulary).lower() + "s"
        tokens[at] = (new.capitalize() if old[:1].isupper() else new, after)
    return _joined(tokens)


def copied(text: str) -> str:
    """The same words with other marks between them: an exact duplicate."""
    return text.replace(", ", " - ").replace(". ", "! ")


def quoting(text: str, held_out: str, n_words: int, generator: random.Random) -> str:
    """The text with `n_words` in a row of another: contaminated, if they are enough.

    The words before and after them are no words of the other text.
    """
    source = _words(held_out)
    at = generator.randrange(1, len(source) - n_words - 1)
    passage = " ".join(source[at : at + n_words])
    lines = text.split("\n")
    place = generator.randrange(len(lines) + 1)
    lines.insert(place, f"Somebodyelse wrote {passage} elsewhere.")
    return "\n".join(lines)


def accented(text: str, generator: random.Random) -> str:
    """The text with words and marks beyond ASCII: nothing is wrong with it."""
    tokens = _tokens(text)
    words = ("café", "naïve", "façade", "Zürich", "señor", "déjà", "it’s", "œuvre", "größer")
    for _ in range(3 + len(tokens) // 100):
        at = generator.randrange(len(tokens))
        tokens[at] = (generator.choice(words), tokens[at][1])
    return _joined(tokens)


def mojibake(text: str) -> str:
    """The text as UTF-8 read as Windows-1252, which can be undone."""
    data = text.encode()
    return "".join(bytes([b]).decode("cp1252", "replace").replace("\ufffd", chr(b)) for b in data)


def spam(kind: str, text: str, generator: random.Random) -> str:
    """A text made of the words of another, as `SPAM`'s rule for this kind does not want it."""
    words = _words(text)[:400]
    few = words[:120]
    if kind == "menu":
        return _lines(words[:40], 2)
    if kind == "hashes":
        return " ".join(("#" if i % 4 == 0 else "") + w for i, w in enumerate(words)) + "."
    if kind == "ellipses":
        return " ".join(w + ("..." if i % 5 == 0 else "") for i, w in enumerate(words)) + "."
    if kind == "bullets":
        return _lines(few, 10, "- ", ".")
    if kind == "numbers":
        return " ".join(f"{w} {generator.randrange(1000, 9999)}" for w in few) + "."
    if kind == "keywords":
        rare = [word for word in words if word not in _STOP]
        return _lines(rare, 12, end=".")
    if kind == "same line":
        line = " ".join(words[:14]).capitalize() + "."
        return "\n".join([_lines(few, 12, end="."), *[line] * 12])
    if kind == "same phrase":
        ends = generator.sample(sorted(set(words)), 8)
        lines = ["Buy the cheap watches " * 6 + f"of {end}." for end in ends]
        return "\n".join(["Here are the offers that you have waited for.", *lines])
    if kind == "filler":
        return f"{_lines(few, 12, end='.')}\nLorem ipsum dolor sit amet, and so on."
    if kind == "program":
        return f"{_lines(few, 12, end='.')}\nIf (x) {{ return the value of the function; }}."
    if kind == "headlines":
        return _lines(few, 9)
    return _lines(words[:200], 4, end=".")
