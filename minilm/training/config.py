"""The loop's settings, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass

from minilm.backend import PRECISIONS
from minilm.errors import MinilmError, did_you_mean

__all__ = ["TrainingConfig"]


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how much at a time, and how often to look.

    Attributes
    ----------
    steps : int
        Optimiser steps.
    batch_size : int
        B, sequences a step.
    accumulation : int
        Parts that a batch is run in, one after the other, to save memory. Without
        dropout the result is the same as in one part, up to rounding.
    evaluate_every : int
        Steps between evaluations, each of which also writes a checkpoint.
    estimate_windows : int
        Windows of validation text in such an evaluation; the last one takes all.
    minutes : float
        0, or the time that ``--minutes`` gave the whole run; `steps` then follows the
        speed that the run turns out to have.
    patience : int
        Stop after so many evaluations without a new best loss; 0 never stops early.
    keep : int
        Latest checkpoints to keep, beside the best; at least 2, so that a damaged one
        has a predecessor.
    precision : str
        "float32", or "bf16", which multiplies matrices in bfloat16
        (`minilm.backend.computing`).

    Raises
    ------
    MinilmError
        Naming the key that is out of range.
    """

    steps: int = 1000
    batch_size: int = 16
    accumulation: int = 1
    evaluate_every: int = 250
    estimate_windows: int = 64
    minutes: float = 0.0
    patience: int = 0
    keep: int = 2
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            near = did_you_mean(self.precision, PRECISIONS)
            raise MinilmError(f"training.precision = {self.precision!r}{near}")
        least = {
            "steps": 1,
            "batch_size": 1,
            "accumulation": 1,
            "evaluate_every": 1,
            "estimate_windows": 1,
            "patience": 0,
            "keep": 2,
        }
        for key, low in least.items():
            if getattr(self, key) < low:
                raise MinilmError(f"training.{key} = {getattr(self, key)}: must be at least {low}")
        if not 0 <= self.minutes < float("inf"):
            raise MinilmError(f"training.minutes = {self.minutes}: must be finite, 0 or more")
        if self.batch_size % self.accumulation:
            raise MinilmError(
                f"training.batch_size = {self.batch_size} is not a multiple of "
                f"training.accumulation = {self.accumulation}"
            )
