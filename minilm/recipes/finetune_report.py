"""What a fine-tuning reports: on the terminal, as JSON, and as the last line of its record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minilm.evaluation.classification import Scores

__all__ = ["Compared", "Report"]


@dataclass
class Compared:
    """A baseline on the same texts.

    Attributes
    ----------
    gain, gain_error : float
        Accuracy of the pretrained model less the baseline's, and the standard error of that,
        text by text: what both find or both miss adds nothing to it.
    """

    scores: Scores
    gain: float
    gain_error: float

    def to_dict(self) -> dict[str, Any]:
        """In JSON's types."""
        return self.scores.to_dict() | {"gain": self.gain, "gain_error": self.gain_error}


@dataclass
class Report:
    """The figures of a fine-tuning.

    Attributes
    ----------
    run, base : str
        The new run, and the one that it began from.
    n_train, n_validation, n_test : int
        Texts of each part. Without test texts the figures are of the validation texts, which
        have chosen when to stop and so flatter.
    pretrained, random, tfidf
        The fine-tuned model, the same from random weights, TF-IDF with logistic regression;
        None where scikit-learn is not installed.
    signal : int or None
        The signal that ended training early.
    """

    run: str
    base: str
    labels: tuple[str, ...]
    parameters: int = 0
    steps: int = 0
    best_step: int = 0
    seconds: float = 0.0
    n_train: int = 0
    n_validation: int = 0
    n_test: int = 0
    pretrained: Scores | None = None
    random: Compared | None = None
    tfidf: Compared | None = None
    notes: list[str] = field(default_factory=list)
    signal: int | None = None
    next_commands: list[str] = field(default_factory=list)

    @property
    def judged_on(self) -> str:
        """ "test" or "validation"."""
        return "test" if self.n_test else "validation"

    def to_dict(self) -> dict[str, Any]:
        """The fields in JSON's types."""
        record = {**vars(self), "labels": list(self.labels), "judged_on": self.judged_on}
        for key in ("pretrained", "random", "tfidf"):
            record[key] = None if record[key] is None else record[key].to_dict()
        return record
