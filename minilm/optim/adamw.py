"""AdamW over a model's one array of parameters, with clipping by the global norm.

The arithmetic of one update is `minilm.reference.adamw`; here live the moments, the step
count and the schedule. Parameters may learn at rates of their own (`minilm.optim.spans`):
then the array is updated span by span, and what is frozen is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from numpy.typing import NDArray

from minilm import aligned
from minilm.backend import ops
from minilm.nn.parameters import Parameters
from minilm.optim.config import OptimizerConfig
from minilm.optim.schedules import learning_rate
from minilm.optim.spans import spans

__all__ = ["AdamW", "clip_scale"]


def clip_scale(norm: float, clip_norm: float) -> float:
    """The factor that brings a gradient of this norm down to `clip_norm`, or 1.

    Examples
    --------
    >>> clip_scale(0.5, 1.0), round(clip_scale(4.0, 1.0), 3), clip_scale(4.0, 0.0)
    (1.0, 0.25, 1.0)
    """
    if clip_norm == 0:
        return 1.0
    # The small constant keeps a vanished gradient from dividing by zero, as in PyTorch.
    return min(1.0, clip_norm / (norm + 1e-6))


class AdamW:
    """The state of the optimiser: two moments in the layout of the parameters.

    Parameters
    ----------
    rates : mapping, optional
        Name of a parameter -> factor of its learning rate, 0 to keep it as it is; 1 for
        those that are not named.

    Attributes
    ----------
    m, v : ndarray, shape (N,)
        Running means of the gradient and of its square.
    n_updates : int
        Updates done, which is t of the bias correction.
    """

    def __init__(
        self,
        parameters: Parameters,
        config: OptimizerConfig,
        n_steps: int,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        self.parameters = parameters
        self.config = config
        self.n_steps = n_steps
        self.m: NDArray = aligned.zeros(parameters.values.shape, parameters.values.dtype)
        self.v: NDArray = aligned.zeros(parameters.values.shape, parameters.values.dtype)
        self.n_updates = 0
        self._spans = spans(parameters, rates or {})

    def next_learning_rate(self) -> float:
        """The rate that the next update will use."""
        return learning_rate(self.n_updates, self.n_steps, self.config)

    def update(self) -> float:
        """One step along the accumulated gradients; returns their norm before clipping.

        Nothing changes when the norm is not finite: the caller stops with the last good
        parameters still in place.
        """
        c, p = self.config, self.parameters
        for span in self._spans:
            if not span.rate:
                p.gradients[span.place] = 0  # it has no part in the norm
        norm = ops.adamw.norm(p.gradients)
        if not math.isfinite(norm):
            return norm
        rate = self.next_learning_rate()
        self.n_updates += 1
        for span in self._spans:
            if not span.rate:
                continue
            at = span.place
            ops.adamw.step(
                p.values[at],
                p.gradients[at],
                self.m[at],
                self.v[at],
                step=self.n_updates,
                learning_rate=rate * span.rate,
                beta1=c.beta1,
                beta2=c.beta2,
                eps=c.eps,
                weight_decay=c.weight_decay,
                n_decay=span.n_decay,
                scale=clip_scale(norm, c.clip_norm),
            )
        return norm
