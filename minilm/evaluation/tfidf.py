"""The baseline for texts with labels: weighted word counts, and logistic regression on them.

    TF-IDF(word, text) = (1 + ln count) * ln((1 + N) / (1 + N_word)) + ..., each text's length 1

It knows nothing of order or meaning beyond the labelled texts and is hard to beat where words
alone tell, which makes it the one to be compared with. It is given every advantage: counts of
words and pairs of words, or of runs of 2 to 5 characters, and the strength of regularisation,
whichever does best on the validation texts; then it learns from these too. scikit-learn does
the work (the extra ``minilm[baselines]``).

Source: Pedregosa et al., "Scikit-learn" (2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.corpus import extra
from minilm.evaluation.labelled import Example

__all__ = ["Fitted", "fit", "require"]

# Names, runs of digits, and signs by themselves, which in code are words too.
WORDS = r"[^\W\d_]+|\d+|[^\w\s]"
COUNTS: dict[str, dict[str, Any]] = {
    "words": {"token_pattern": WORDS},
    "words and pairs": {"token_pattern": WORDS, "ngram_range": (1, 2)},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}
STRENGTHS = (1.0, 10.0, 100.0)


class Fitted(NamedTuple):
    """The baseline, ready to use.

    Attributes
    ----------
    counts : str
        What is counted, of `COUNTS`.
    strength : float
        C of the logistic regression: the inverse of its penalty.
    """

    counts: str
    strength: float
    pipeline: Any

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The label of each text."""
        return [str(label) for label in self.pipeline.predict(list(texts))]


def require() -> None:
    """Raise MinilmError, naming the extra to install, if scikit-learn is not there."""
    extra.load("sklearn", "scikit-learn", "baselines", "the TF-IDF baseline")


def fit(train: Sequence[Example], validation: Sequence[Example]) -> Fitted:
    """Choose by the validation texts, then learn from both.

    Without validation texts the plain choice is taken: words, with a strength of 10.

    Raises
    ------
    MinilmError
        If scikit-learn is not installed.
    """
    require()
    best, score = ("words", 10.0), -1.0
    for counts in COUNTS if validation else ():
        for strength in STRENGTHS:
            found = _accuracy(_fitted(counts, strength, train), validation)
            if found > score:
                best, score = (counts, strength), found
    return Fitted(*best, _fitted(*best, [*train, *validation]))


def _accuracy(pipeline: Any, examples: Sequence[Example]) -> float:
    predicted: NDArray = pipeline.predict([example.text for example in examples])
    return float(np.mean(predicted == np.array([example.label for example in examples])))


def _fitted(counts: str, strength: float, examples: Sequence[Example]) -> Any:
    text, linear, pipeline = (
        extra.load(f"sklearn.{name}", "scikit-learn", "baselines", "the TF-IDF baseline")
        for name in ("feature_extraction.text", "linear_model", "pipeline")
    )
    found = pipeline.make_pipeline(
        text.TfidfVectorizer(sublinear_tf=True, **COUNTS[counts]),
        linear.LogisticRegression(C=strength, max_iter=1000),
    )
    return found.fit([e.text for e in examples], [e.label for e in examples])
