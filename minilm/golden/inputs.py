"""The batches that golden states are computed from.

With text, they are windows of it; without, ids drawn from a keyed generator, which any two
machines draw alike. What is predicted:

    causal models        the next token, at every position
    encoders             the token itself, at 15 % of the positions (nothing is masked out:
                         what the ids mean may not be known)
    models without head  features that are drawn, by the squared distance: so every feature
                         gets a gradient, and the loss is not near 0

Encoders see padding as well: all sequences but the first of a batch are shorter than it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.errors import MinilmError
from minilm.models.model import Model

__all__ = ["IGNORED", "KINDS", "Inputs"]

IGNORED = -100
PREDICTED_SHARE = 0.15
# How each array is stored in a file.
KINDS: dict[str, str] = {
    "tokens": "int64",
    "targets": "int64",
    "wanted": "",  # the dtype of the model
    "key_mask": "uint8",
    "token_types": "int64",
}


class Inputs:
    """Arrays by name, each (N, B, T) but for ``wanted`` (N, B, T, C).

    Parameters
    ----------
    arrays : mapping of str to ndarray
        ``tokens``, and ``targets`` (`IGNORED` where nothing is predicted) or ``wanted``
        features; for encoders also ``key_mask``, 0 where a position is padding, and
        ``token_types``.

    Raises
    ------
    MinilmError
        If one is missing, unknown, or of another shape or kind.
    """

    def __init__(self, arrays: Mapping[str, NDArray]) -> None:
        self.arrays = dict(arrays)
        for name in self.arrays:
            if name not in KINDS:
                raise MinilmError(f"input.{name} is no input of these models: leave it out")
        if "tokens" not in self.arrays or ("targets" in self.arrays) == ("wanted" in self.arrays):
            raise MinilmError("input.tokens is needed, with input.targets or input.wanted")
        shape = self.arrays["tokens"].shape
        if len(shape) != 3 or 0 in shape:
            raise MinilmError(f"input.tokens has the shape {shape}, not (N, B, T)")
        for name, array in self.arrays.items():
            if array.shape[:3] != shape or array.ndim != (4 if name == "wanted" else 3):
                raise MinilmError(f"input.{name} has the shape {array.shape}, tokens {shape}")
            if array.dtype.kind not in ("f" if name == "wanted" else "iu"):
                raise MinilmError(
                    f"input.{name} holds {array.dtype} and not {KINDS[name] or 'floats'}"
                )
        self.n_batches, self.batch_size, self.positions = shape

    def batch(self, step: int) -> dict[str, NDArray]:
        """The arrays (B, T) of a step, counted from 0."""
        return {name: array[step] for name, array in self.arrays.items()}

    def corner(self, batch_size: int, positions: int) -> dict[str, NDArray]:
        """The first of the first: a batch of less than B sequences or T positions."""
        return {name: array[0, :batch_size, :positions] for name, array in self.arrays.items()}

    def check_fits(self, model: Model) -> None:
        """Raise MinilmError unless the model can take them."""
        config = model.config
        tokens, targets = self.arrays["tokens"], self.arrays.get("targets")
        if self.positions > config.block_size:
            raise MinilmError(
                f"{self.positions} positions do not fit model.block_size = {config.block_size}"
            )
        for name, ids in (("tokens", tokens), ("targets", targets)):
            if ids is None:
                continue
            used = ids[ids != IGNORED] if name == "targets" else ids
            if used.size and not 0 <= used.min() <= used.max() < config.vocab_size:
                raise MinilmError(
                    f"input.{name} from {used.min()} to {used.max()} do not fit "
                    f"model.vocab_size = {config.vocab_size}"
                )
        if (model.head is None) != (targets is None):
            wanted = "wanted" if model.head is None else "targets"
            raise MinilmError(f"this model needs input.{wanted}")
        if targets is None and self.arrays["wanted"].shape[3] != config.n_embd:
            raise MinilmError(f"input.wanted is not of model.n_embd = {config.n_embd} channels")
        if model.causal and "token_types" in self.arrays:
            raise MinilmError("input.token_types is no input of a causal model: leave it out")

    @classmethod
    def of_windows(cls, model: Model, windows: NDArray, seed: int = 0) -> Inputs:
        """The task on windows of ids (N, B, T + 1), which come from a text or are drawn."""
        windows = windows.astype(np.int64)
        tokens = np.ascontiguousarray(windows[:, :, :-1])
        if model.causal:
            arrays = {"tokens": tokens, "targets": np.ascontiguousarray(windows[:, :, 1:])}
        else:
            arrays = _bidirectional(model.config, tokens, seed)
        if model.head is None:
            arrays["wanted"] = _wanted(model, arrays, seed)
            del arrays["targets"]
        return cls(arrays)

    @classmethod
    def drawn(
        cls, model: Model, *, n_batches: int, batch_size: int, positions: int, seed: int = 0
    ) -> Inputs:
        """Ids from a keyed generator, all of the vocabulary equally often."""
        shape = (n_batches, batch_size, positions + 1)
        vocab_size = model.config.vocab_size
        ids = rng.generator(seed, 0, "golden/tokens").integers(0, vocab_size, shape)
        padding = getattr(model.config, "padding_id", -1)
        if padding >= 0:  # a token like that would have no position of its own
            ids[ids == padding] = (padding + 1) % vocab_size
        return cls.of_windows(model, ids, seed)


def _bidirectional(config: Any, tokens: NDArray, seed: int) -> dict[str, NDArray]:
    """Padding, segments, and targets at some of the positions that are not padding."""
    N, B, T = tokens.shape
    generator = rng.generator(seed, 0, "golden/encoder")
    lengths = generator.integers((T + 1) // 2, T + 1, (N, B, 1))
    lengths[:, 0] = T
    mask = np.arange(T) < lengths
    tokens[~mask] = max(config.padding_id, 0)
    # The rank of a random number: exactly the wanted share of each sequence, and at least one.
    noise = np.where(mask, generator.random((N, B, T)), 2.0)
    rank = noise.argsort(axis=2).argsort(axis=2)
    chosen = rank < np.maximum(1, np.round(PREDICTED_SHARE * lengths))
    arrays = {"tokens": tokens, "targets": np.where(chosen, tokens, IGNORED)}
    arrays["key_mask"] = mask.astype(np.uint8)
    if config.n_token_type > 1:
        second = np.arange(T) >= generator.integers(1, T + 1, (N, B, 1))
        arrays["token_types"] = (mask & second).astype(np.int64)
    return arrays


def _wanted(model: Model, arrays: dict[str, NDArray], seed: int) -> NDArray:
    shape = (*arrays["tokens"].shape, model.config.n_embd)
    wanted = rng.generator(seed, 0, "golden/wanted").normal(size=shape)
    return wanted.astype(np.float32).astype(model.parameters.values.dtype)
