"""The learning rate as a function of the step.

All schedules rise linearly over the first `warmup_steps`, so that Adam's second moment
has seen some gradients before it scales large steps; then

    cosine                half a cosine from the peak down to the floor
    linear                a line from the peak down to the floor
    constant              the peak
    constant_then_decay   the peak, then a line to the floor over the last `decay_fraction`

Sources: Loshchilov and Hutter, "SGDR" (2017) for the cosine; Hu et al., "MiniCPM" (2024)
for constant-then-decay.
"""

from __future__ import annotations

import math

from minilm.optim.config import OptimizerConfig

__all__ = ["learning_rate"]


def learning_rate(step: int, n_steps: int, config: OptimizerConfig) -> float:
    """The rate of the step number `step`, counted from 0, in a run of `n_steps`.

    Examples
    --------
    >>> config = OptimizerConfig(learning_rate=1.0, min_learning_rate=0.1, warmup_steps=1)
    >>> [round(learning_rate(step, 5, config), 3) for step in range(5)]
    [0.5, 1.0, 0.868, 0.55, 0.232]
    """
    peak, floor, warmup = config.learning_rate, config.min_learning_rate, config.warmup_steps
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if config.schedule == "constant":
        return peak
    first = warmup
    if config.schedule == "constant_then_decay":
        first = max(warmup, round(n_steps * (1 - config.decay_fraction)))
    progress = min(1.0, max(0.0, (step - first) / max(1, n_steps - first)))
    if config.schedule == "cosine":
        remaining = 0.5 * (1 + math.cos(math.pi * progress))
    else:
        remaining = 1 - progress
    return floor + remaining * (peak - floor)
