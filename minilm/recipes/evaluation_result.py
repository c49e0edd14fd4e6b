"""What the evaluation of a run has found."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from minilm.evaluation.calibration import Calibration
from minilm.evaluation.gap_metrics import GapMetrics, GapNgram
from minilm.evaluation.probe import ProbeResult
from minilm.evaluation.statistics import Estimate
from minilm.evaluation.text_metrics import NgramMetrics, TextMetrics
from minilm.recipes.questions import Answered

__all__ = ["Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """The figures of a run; None where they were not asked for or do not apply.

    Attributes
    ----------
    run, data : str
        The folder, and what it was measured on.
    step : int
        Of the checkpoint.
    stride : int or None
        Tokens from window to window.
    gaps, gap_ngram
        In place of `text` and `ngram` for a model that sees both sides.
    notes : list of str
        What was left out, and why.
    """

    run: str
    step: int
    data: str
    stride: int | None = None
    text: TextMetrics | None = None
    ngram: NgramMetrics | None = None
    calibration: Calibration | None = None
    gaps: GapMetrics | None = None
    gap_ngram: GapNgram | None = None
    tasks: list[Answered] = field(default_factory=list)
    probe: ProbeResult | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's types; an estimate is {"value": ..., "error": ...}."""
        found: dict[str, Any] = _plain(self)
        if self.calibration:
            found["calibration"] |= {
                "error": self.calibration.error,
                "chance": self.calibration.chance,
            }
        found["tasks"] = [{**one["result"], "ngram": one["ngram"]} for one in found["tasks"]]
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value._asdict()
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value
