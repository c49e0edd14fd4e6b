"""Rotary frequencies for contexts longer than those a model was first trained on.

Every recipe here changes the frequencies of `minilm.reference.rope`, never the rotation:

    linear     all frequencies divided by `factor`: positions are squeezed together
               (Chen et al., "Extending Context Window ... via Positional Interpolation", 2023)
    dynamic    beyond the original context n, a larger base: base * s^(R / (R - 2)) with
               s = factor * length / n - (factor - 1)        (NTK-aware scaling)
    yarn       low frequencies divided by `factor`, high ones kept, a ramp between them, and
               both tables times `attention_factor`     (Peng et al., "YaRN", 2023)
    llama3     the same idea with the ramp laid over wavelengths (Grattafiori et al.,
               "The Llama 3 Herd of Models", 2024)
    longrope   each frequency divided by a factor of its own, from one list up to the
               original context and from another beyond (Ding et al., "LongRoPE", 2024)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError, did_you_mean
from minilm.reference import rope

__all__ = ["KINDS", "RopeScaling"]

KINDS = ("none", "linear", "dynamic", "yarn", "llama3", "longrope")


@dataclass(frozen=True)
class RopeScaling:
    """Which recipe, and its numbers.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    factor : float
        How many times longer the context is to be.
    original_context : int
        Positions that the model was first trained on; all kinds but linear need it.
    attention_factor : float
        Multiplies both tables (yarn and longrope).
    low_frequency_factor, high_frequency_factor : float
        llama3's ramp lies between wavelengths of original_context over these.
    beta_fast, beta_slow : float
        yarn's ramp lies between pairs that turn so often within the original context.
    truncate : bool
        Whether yarn's ramp begins and ends at whole pairs.
    short_factors, long_factors : tuple of float
        longrope's lists, one number for each pair of channels.

    Raises
    ------
    MinilmError
        Naming the key, when a number is impossible.
    """

    kind: str = "none"
    factor: float = 1.0
    original_context: int = 0
    attention_factor: float = 1.0
    low_frequency_factor: float = 1.0
    high_frequency_factor: float = 4.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True
    short_factors: tuple[float, ...] = ()
    long_factors: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        where = "model.rope_scaling"
        if self.kind not in KINDS:
            raise MinilmError(f"{where}.kind = {self.kind!r}{did_you_mean(self.kind, KINDS)}")
        for key in (
            "factor",
            "attention_factor",
            "low_frequency_factor",
            "high_frequency_factor",
            "beta_fast",
            "beta_slow",
        ):
            if not 0 < getattr(self, key) <= 1e30:
                raise MinilmError(f"{where}.{key} = {getattr(self, key)}: must be in (0, 1e30]")
        needs_context = self.kind not in ("none", "linear")
        if self.original_context < (1 if needs_context else 0):
            raise MinilmError(
                f"{where}.original_context = {self.original_context}: "
                f"{self.kind} needs the context that the model was first trained on"
            )
        if self.kind == "llama3" and self.low_frequency_factor >= self.high_frequency_factor:
            raise MinilmError(f"{where}.low_frequency_factor: must be below high_frequency_factor")
        if not all(0 < f <= 1e30 for f in self.short_factors + self.long_factors):
            raise MinilmError(f"{where}: short_factors and long_factors must be positive")

    def check(self, n_channel: int, block_size: int) -> None:
        """Raise MinilmError unless it fits R rotary channels and `block_size` positions."""
        if self.kind == "longrope" and not (
            len(self.short_factors) == len(self.long_factors) == n_channel // 2
        ):
            raise MinilmError(
                f"model.rope_scaling: longrope needs {n_channel // 2} short_factors and "
                f"long_factors, one for each pair of rotary channels"
            )
        if self.kind == "dynamic" and n_channel <= 2 and block_size > self.original_context:
            raise MinilmError("model.rope_scaling: dynamic needs more than one pair of channels")

    def frequencies(self, n_channel: int, base: float, length: int) -> NDArray[np.float64]:
        """Radians per position of each pair, (R/2,), for a sequence of `length` positions.

        Examples
        --------
        >>> RopeScaling("linear", factor=2.0).frequencies(4, 100.0, length=8).tolist()
        [0.5, 0.05]
        """
        if self.kind == "dynamic":
            base = self._dynamic_base(n_channel, base, length)
        plain = rope.frequencies(n_channel, base)
        if self.kind == "linear":
            return plain / self.factor
        if self.kind == "llama3":
            return self._blend(plain, self._llama3_share(plain))
        if self.kind == "yarn":
            return self._blend(plain, self._yarn_share(n_channel, base))
        if self.kind == "longrope":
            long = length > self.original_context
            return plain / np.array(self.long_factors if long else self.short_factors)
        return plain

    def _blend(self, plain: NDArray, kept: NDArray) -> NDArray:
        """A mean of the frequency kept and the frequency divided, weighted by `kept`."""
        return kept * plain + (1 - kept) * plain / self.factor

    def _dynamic_base(self, n_channel: int, base: float, length: int) -> float:
        if length <= self.original_context:
            return base
        stretch = self.factor * length / self.original_context - (self.factor - 1)
        return float(base * stretch ** (n_channel / (n_channel - 2)))

    def _llama3_share(self, plain: NDArray) -> NDArray:
        """1 for wavelengths below the ramp, 0 above it."""
        turns = self.original_context * plain / (2 * math.pi)
        low, high = self.low_frequency_factor, self.high_frequency_factor
        return np.clip((turns - low) / (high - low), 0, 1)

    def _yarn_share(self, n_channel: int, base: float) -> NDArray:
        """1 for pairs that turn more than `beta_fast` times within the original context."""

        def pair(turns: float) -> float:
            """Which pair of channels (a fraction) turns so many times."""
            ratio = self.original_context / (2 * math.pi * turns)
            return n_channel * math.log(ratio) / (2 * math.log(base))

        first, last = pair(self.beta_fast), pair(self.beta_slow)
        if self.truncate:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, n_channel - 1)
        width = last - first or 0.001
        return 1 - np.clip((np.arange(n_channel // 2) - first) / width, 0, 1)
