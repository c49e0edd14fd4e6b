"""The key-value cache: what attention has computed of earlier positions, kept.

Without it each new token would run the whole context through the model again. With it a
token costs one position of arithmetic and one reading of the weights and the cache.

The arrays are allocated once; a forward pass appends to them.
"""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import NDArray

from minilm.models.gpt import GPT

__all__ = ["Cache"]


class _LayerCache:
    """One layer's keys and values, (B, K, S, D) each."""

    def __init__(self, owner: Cache, keys: NDArray, values: NDArray) -> None:
        # Not the owner itself: in a circle both would stay until Python looks for circles, and
        # it does not know how large they are.
        self._owner = weakref.proxy(owner)
        self._keys = keys
        self._values = values

    @property
    def start(self) -> int:
        return self._owner.length

    def append(self, k: NDArray, v: NDArray) -> tuple[NDArray, NDArray]:
        end = self.start + k.shape[2]
        self._keys[:, :, self.start : end] = k
        self._values[:, :, self.start : end] = v
        return self._keys[:, :, :end], self._values[:, :, :end]


class Cache:
    """The caches of all layers of a model.

    Parameters
    ----------
    model : GPT
    batch_size : int
    n_positions : int, optional
        How many to hold at most; `block_size` if not given.

    Attributes
    ----------
    length : int
        Positions held.

    Examples
    --------
    >>> from minilm.models.config import GPTConfig
    >>> model = GPT(GPTConfig(vocab_size=9, block_size=8, n_layer=2, n_head=2, n_embd=8))
    >>> cache = Cache(model)
    >>> logits = cache.extend(np.array([[1, 2, 3]]))
    >>> cache.length, cache.extend(np.array([[4]])).shape
    (3, (1, 9))
    """

    def __init__(self, model: GPT, batch_size: int = 1, n_positions: int | None = None) -> None:
        c = model.config
        n_positions = min(n_positions or c.block_size, c.block_size)
        shape = (2, c.n_layer, batch_size, c.kv_heads, n_positions, c.head_size)
        keys, values = np.zeros(shape, model.parameters.values.dtype)
        self.model = model
        self.length = 0
        self._layers = [_LayerCache(self, k, v) for k, v in zip(keys, values, strict=True)]

    def extend(self, tokens: NDArray) -> NDArray:
        """Tokens (B, T) that follow those held -> logits (B, V) after the last of them.

        Raises
        ------
        MinilmError
            If they do not fit `block_size`.
        """
        x, _ = self.model.features(tokens, cache=self._layers)
        self.length += tokens.shape[1]
        logits, _ = self.model.head.forward(x[:, -1])
        return logits
