"""Rotary positions as attention uses them: which channels turn, and how fast."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minilm.errors import MinilmError
from minilm.nn.rope_scaling import RopeScaling
from minilm.reference import rope

__all__ = ["Rotary"]


@dataclass(frozen=True)
class Rotary:
    """The rotation of queries and keys by their position.

    Attributes
    ----------
    n_channel : int
        R, the channels of each head that turn; even, at most D.
    base : float
        The slowest pair turns once in 2 pi base^(1 - 2/R) positions.
    scaling : RopeScaling
        For contexts longer than the model was first trained on.

    Raises
    ------
    MinilmError
        If the two do not go together.
    """

    n_channel: int
    base: float = 10000.0
    scaling: RopeScaling = field(default_factory=RopeScaling)

    def __post_init__(self) -> None:
        if self.scaling.kind == "yarn" and self.base == 1:
            raise MinilmError("model.rope_base = 1.0: yarn needs pairs that turn at unlike speeds")

    def tables(self, start: int, n_positions: int, dtype: DTypeLike) -> tuple[NDArray, NDArray]:
        """cos and sin (T, R/2) of positions start .. start + T - 1; not to be written to.

        Examples
        --------
        >>> cos, sin = Rotary(n_channel=4).tables(0, 3, np.float32)
        >>> cos.shape, cos.dtype.name
        ((3, 2), 'float32')
        """
        return _tables(self, start, n_positions, np.dtype(dtype))


@functools.lru_cache(maxsize=16)
def _tables(rotary: Rotary, start: int, n_positions: int, dtype: Any) -> tuple[NDArray, NDArray]:
    # Kept, since every layer asks for the same ones: making them takes longer than turning.
    length = start + n_positions
    frequencies = rotary.scaling.frequencies(rotary.n_channel, rotary.base, length)
    scale = rotary.scaling.attention_factor
    cos, sin = rope.tables(frequencies, n_positions, start, scale, dtype)
    cos.setflags(write=False)
    sin.setflags(write=False)
    return cos, sin
