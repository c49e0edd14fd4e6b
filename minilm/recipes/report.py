"""What a finished run reports: on the terminal, as JSON, and as the last line of its record."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Report"]


@dataclass
class Report:
    """The figures of a run. None where an interrupted run never came to measure them.

    Attributes
    ----------
    steps : int
        Optimiser steps done.
    seconds : float
        Wall time of this process's part of the run, from reading the text to the sample.
    val_loss, val_bpb : float
        Over the whole validation split, of the checkpoint of `best_step`, in nats per
        target and bits per byte; the latter where every token is a target.
    val_accuracy : float
        Of masked tokens: the share to which the model gives the highest probability.
    baseline : str
        The best model made of counts, by name.
    baseline_loss, baseline_bpb, baseline_accuracy : float
        Of that model on the same targets.
    tokens_per_second, gflops : float
        Mean over the steps; matrix products only.
    peak_share : float
        `gflops` over the machine's measured matrix-product rate.
    peak_memory_bytes, predicted_memory_bytes : int
        Of the whole process: measured, and as predicted before the run.
    signal : int or None
        The signal that interrupted the run.
    """

    run: str
    recipe: str
    parameters: int
    steps: int = 0
    planned_steps: int = 0
    seconds: float = 0.0
    compile_seconds: float = 0.0
    best_step: int = 0
    val_loss: float | None = None
    val_bpb: float | None = None
    val_accuracy: float | None = None
    baseline: str | None = None
    baseline_loss: float | None = None
    baseline_bpb: float | None = None
    baseline_accuracy: float | None = None
    tokens_per_second: float = 0.0
    gflops: float = 0.0
    peak_gflops: float = 0.0
    peak_share: float = 0.0
    peak_memory_bytes: int = 0
    predicted_memory_bytes: int = 0
    corpus_sha256: str = ""
    sample: str = ""
    signal: int | None = None
    next_commands: list[str] = field(default_factory=list)

    @property
    def interrupted(self) -> bool:
        """Whether the run stopped because it was asked to."""
        return self.signal is not None

    def to_dict(self) -> dict[str, Any]:
        """The fields, and `interrupted`, in JSON's types."""
        return dataclasses.asdict(self) | {"interrupted": self.interrupted}
