"""Words by examples: what is cut off in front, behind and inside, and what is counted of them."""

from __future__ import annotations

import pytest

from minilm.backend import ops, using
from minilm.corpus.filters import words
from minilm.corpus.filters.characters import classes

CUTS = {
    "": "",
    " \n\t ": "",
    "One word.": "One|word|.",
    "  (he\u2003said)": "(|he|said|)",
    "f(x), g[0]": "f(x|)|,|g[0|]",
    '"Stop!"': '"|Stop|!|"',
    "Wait... what..now?": "Wait|...|what|..|now|?",
    "...so. .": "...|so|.|.",
    "Don't I'll we're they've": "Do|n't|I|'ll|we|'re|they|'ve",
    "I'm he'd it's 'S": "I|'m|he|'d|it|'s|'|S",
    "CAT'S can\u2019t dogs'": "CAT|'S|ca|n\u2019t|dogs|'",
    "n't 's 'll": "n't|'|s|'|ll",
    "cannot Cannot cannots": "can|not|Can|not|cannots",
    "U.S. e.g. a. ab. AB. Ab. 3. x%.": "U.S.|e.g.|a.|ab|.|AB|.|Ab|.|3|.|x%|.",
    "3.14 3,000 v1.2.3": "3.14|3,000|v1.2.3",
    "well-known 3-d x--y --z z-- ---": "well|-|known|3|-|d|x|--|y|--z|z--|---",
    "x---y w----v a.\u65e5 \u65e5.b": "x|---|y|w----v|a|.|\u65e5|\u65e5.b",
    "1-2 1+2 2*3 2^-1 1+a a+1 1-": "1|-|2|1|+|2|2|*|3|2|^|-1|1+a|a+1|1-",
    "a,b 1,b a,1 a/b a=b a<b a:b a:1 1:a": "a|,|b|1,b|a,1|a|/|b|a|=|b|a|<|b|a|:|b|a:1|1|:|a",
    "end.Next end.next End.NEXT": "end|.|Next|end.next|End|.|NEXT",
    "(and/or) and/or/or And/or": "(|and/or|)|and|/|or|/|or|And|/|or",
    "http://a.b/c=d-e, www": "http://a.b/c=d-e|,|www",
    "$5 5$ 50% %5 +5 5+ +a 5\u20ac \u00a35": "$|5|5|$|50|%|%|5|+5|5|+|+|a|5|\u20ac|\u00a3|5",
    ":) a): (: f(x): x[1:] ''": ":)|a|):|(:|f(x|):|x[1|:]|''",
    "a\u2014b \u2014c d\u2026e": "a|\u2014|b|\u2014|c|d|\u2026|e",
    "\u2603x y\u2603z": "\u2603|x|y|\u2603|z",
    "snake_case __init__ #tag @me a@b.c": "snake_case|_|_|init|_|_|#|tag|@me|a@b.c",
    "\u65e5\u672c\u3002 \u0939\u093f\u0928\u094d\u0926\u0940": (
        "\u65e5\u672c|\u3002|\u0939\u093f\u0928\u094d\u0926\u0940"
    ),
    "a\x1cb\u00a0c\u200bd": "a|b|c\u200bd",
}


@pytest.mark.parametrize("twin", ["reference", "kernels"])
@pytest.mark.parametrize("text", CUTS)
def test_cuts(text: str, twin: str) -> None:
    with using(twin):
        assert "|".join(words.of(text).texts()) == CUTS[text]


@pytest.mark.parametrize("twin", ["reference", "kernels"])
def test_figures(twin: str) -> None:
    # Plain: It cost 10 a_1 the The; lettered: It cost a_1 the The.
    text = "It cost 10 ( a_1 ) $ the !? The"
    with using(twin):
        found, n_stop = ops.words.figures(*words.of(text), classes(), ("the", "It", "cos", "costs"))
    assert found == (11, 6, 2 + 4 + 2 + 3 + 3 + 3, 5)
    assert n_stop == 2


@pytest.mark.parametrize("twin", ["reference", "kernels"])
@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("", 0),
        ("\n \n", 0),
        ("no end", 1),
        ("One. Two", 2),
        ("One.", 1),
        ('He said "One." Then he went.', 2),
        ("What?! Really!!", 2),
        ("The U.S. and 3.5 e.g. this", 1),
        ("One\ntwo\n\nthree", 3),
        ("One.\nTwo.", 2),
        (". One", 2),
        ("One.\n.\n. Two", 4),
        ("\u4e00\u3002 \u4e8c", 2),
        # A mark that older Pythons do not know as punctuation.
        ("One . \U00011f43 two", 2),
    ],
)
def test_sentences(text: str, n: int, twin: str) -> None:
    with using(twin):
        assert words.sentences(text) == n


def test_words_that_were_found_in_another_way() -> None:
    given = ["Some", "\U0001f600", "one", "\ud800"]
    joined = words.Words.join(given)
    assert joined.texts() == given
    assert words.Words.join([]).starts.shape == (0,)
