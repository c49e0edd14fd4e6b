"""Taps: every intermediate value of a model, and its gradient, on request.

    taps = Taps()
    logits, saved = model.forward(tokens, taps=taps)
    model.backward(dlogits, saved, taps=taps)
    taps.values["blocks.0.attention.weights"]       # (B, H, T, S)
    taps.gradients["blocks.0.attention.weights"]    # of the loss with respect to it

Names are the layers' places in the model; each layer's output goes by the layer's name,
and what is no layer's output (queries, attention weights, the sum of the embeddings) by a
name below it. `values` is in the order of computation, `gradients` in the reverse.

A layer's output is seen from outside: `Layer` wraps `forward` and `backward`. So layers
read as the mathematics does, and only their inner values are handed over by a line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Taps", "active"]


class Taps:
    """Copies of what passed by.

    Parameters
    ----------
    keep : function of a name, optional
        Which intermediates to keep; all by default. Attention maps alone would be
        ``Taps(keep=lambda name: name.endswith(".weights"))``.

    Attributes
    ----------
    values, gradients : dict of str to ndarray
        What runs twice in one forward is called ``name`` and then ``name (2)``.
    """

    def __init__(self, keep: Callable[[str], bool] | None = None) -> None:
        self.values: dict[str, NDArray] = {}
        self.gradients: dict[str, NDArray] = {}
        self._keep = keep
        self._paths: dict[int, str] = {}
        self._last: NDArray | None = None

    @contextlib.contextmanager
    def watching(self, paths: dict[int, str]) -> Iterator[None]:
        """Record what the enclosed code computes in the layers of these ids."""
        self._paths = paths
        token = active.set(self)
        try:
            yield
        finally:
            active.reset(token)
            self._last = None

    def path(self, layer: Any) -> str:
        """Where the layer stands in the model being watched; empty for the model itself."""
        return self._paths.get(id(layer), "")

    def wants(self, name: str) -> bool:
        """Whether to keep an intermediate of this name."""
        return bool(name) and (self._keep is None or self._keep(name))

    def value(self, name: str, array: Any) -> None:
        """Keep a copy; what a layer only passed on keeps the name it had."""
        if array is self._last or not isinstance(array, np.ndarray):
            return
        self._last = array
        if self.wants(name):
            self.values[self._numbered(name, self.values)] = array.copy()

    def gradient(self, name: str, array: Any) -> None:
        """Keep a copy; the last of several uses of a name comes back first."""
        if not isinstance(array, np.ndarray):
            return
        uses = [use for use in self._uses(name) if use in self.values and use not in self.gradients]
        if uses:
            self.gradients[uses[-1]] = array.copy()

    def _uses(self, name: str) -> list[str]:
        count = 1
        while f"{name} ({count + 1})" in self.values:
            count += 1
        return [name] + [f"{name} ({i})" for i in range(2, count + 1)]

    def _numbered(self, name: str, taken: dict[str, NDArray]) -> str:
        return name if name not in taken else f"{name} ({len(self._uses(name)) + 1})"


active: ContextVar[Taps | None] = ContextVar("minilm_taps", default=None)
