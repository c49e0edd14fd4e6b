"""The optimiser's settings, checked when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from minilm.errors import MinilmError, did_you_mean

__all__ = ["SCHEDULES", "OptimizerConfig"]

SCHEDULES = ("cosine", "linear", "constant", "constant_then_decay")


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW, clipping and the schedule.

    Attributes
    ----------
    learning_rate, min_learning_rate : float
        The peak, and the floor at the end of the schedule.
    warmup_steps : int
    schedule : str
        One of `SCHEDULES`.
    decay_fraction : float
        For ``constant_then_decay``, the last share of the steps, in which the rate falls.
    beta1, beta2, eps, weight_decay : float
        As in Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019).
    clip_norm : float
        The gradient is scaled down to this global norm; 0 leaves it alone.

    Raises
    ------
    MinilmError
        Naming the key that is out of range.
    """

    learning_rate: float = 1e-3
    min_learning_rate: float = 1e-4
    warmup_steps: int = 100
    schedule: str = "cosine"
    decay_fraction: float = 0.2
    beta1: float = 0.9
    beta2: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise MinilmError(
                f"optimizer.schedule = {self.schedule!r}{did_you_mean(self.schedule, SCHEDULES)}"
            )
        bounds = {
            # Upper ends only where float32 would overflow; sense ends far below.
            "learning_rate": (0.0, 1e6),
            "min_learning_rate": (0.0, 1e6),
            "warmup_steps": (0.0, math.inf),
            "decay_fraction": (0.0, 1.0),
            "beta1": (0.0, 1.0),
            "beta2": (0.0, 1.0),
            "eps": (0.0, 1e6),
            "weight_decay": (0.0, 1e6),
            "clip_norm": (0.0, 1e30),
        }
        for key, (low, high) in bounds.items():
            value = getattr(self, key)
            if not (low <= value <= high and math.isfinite(value)):
                raise MinilmError(f"optimizer.{key} = {value}: must be in [{low:g}, {high:g}]")
        for key in ("beta1", "beta2"):
            if getattr(self, key) == 1:
                raise MinilmError(f"optimizer.{key} = 1.0: the moment would never move; below 1")
        if self.eps == 0:
            raise MinilmError("optimizer.eps = 0: unused parameters would divide zero by zero")
        if self.min_learning_rate > self.learning_rate:
            raise MinilmError(
                f"optimizer.min_learning_rate = {self.min_learning_rate} is above "
                f"optimizer.learning_rate = {self.learning_rate}"
            )
