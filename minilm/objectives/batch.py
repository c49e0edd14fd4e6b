"""What one step of a task on tokens learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm import rng

__all__ = ["IGNORED", "Batch"]

# The target of a position at which nothing is predicted; PyTorch's number for it.
IGNORED = -100


@dataclass(frozen=True)
class Batch:
    """Sequences of tokens, and what is to be predicted at each position.

    Attributes
    ----------
    inputs : ndarray (B, T) of int
    targets : ndarray (B, T) of int
        `IGNORED` where nothing is predicted.
    key : int
        Names the stream of random numbers for dropout.
    """

    inputs: NDArray
    targets: NDArray
    key: int

    @property
    def n_targets(self) -> int:
        """How many tokens are predicted."""
        return int(np.count_nonzero(self.targets != IGNORED))

    @property
    def n_tokens(self) -> int:
        """How many tokens are read."""
        return self.inputs.size

    def split(self, n: int) -> list[Batch]:
        """`n` parts of B / n sequences, each with dropout of its own."""
        parts = zip(np.split(self.inputs, n), np.split(self.targets, n), strict=True)
        return [Batch(x, y, rng.fold(self.key, str(i))) for i, (x, y) in enumerate(parts)]
