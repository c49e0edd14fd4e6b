r"""Vectors of texts from every layer of a model: the mean of what it holds at each position.

    v_l = mean_t x_l[t]        x_l (T, C): what layer l hands on

Layer 0 is the embedding, layer i the output of block i, and where the model has a last norm
it follows as the final layer. Texts of more than `block_size` tokens are read in pieces, one
after another, and all positions count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minilm.evaluation.scoring import POSITIONS, Progress
from minilm.models.model import Model
from minilm.nn.taps import Taps

__all__ = ["layer_names", "layer_vectors"]


def layer_names(model: Model) -> list[str]:
    """The layers in order.

    Examples
    --------
    >>> from minilm.models.config import GPTConfig
    >>> from minilm.models.gpt import GPT
    >>> layer_names(GPT(GPTConfig(vocab_size=9, block_size=8, n_layer=2, n_head=1, n_embd=4)))
    ['embedding', 'blocks.0', 'blocks.1', 'final_norm']
    """
    return list(_taps(model))


def _taps(model: Model) -> dict[str, str]:
    """For each layer the name of the intermediate that is its output.

    That is the last one computed within it. A layer that ends with a norm hands on what the
    norm has made, which taps know by the norm's name only.
    """
    found: dict[str, str] = {}
    for name in _watched(model, np.zeros((1, 1), np.int64), None):
        parts = name.split(".")
        if parts[0] == "blocks":
            found[f"blocks.{parts[1]}"] = name
        elif not any(layer.startswith("blocks.") for layer in found):
            found["embedding"] = name
        else:
            found["final_norm"] = name
    return found


def layer_vectors(
    model: Model, sequences: Sequence[NDArray], *, progress: Progress | None = None
) -> dict[str, NDArray]:
    """For each layer the vectors (N, C) of N sequences of ids, in float64.

    Empty sequences have zero vectors.

    Raises
    ------
    MinilmError
        If an id is not in the model's vocabulary.
    """
    taps = _taps(model)
    sums = {tap: np.zeros((len(sequences), model.config.n_embd)) for tap in taps.values()}
    T = model.config.block_size
    pieces = [
        (i, ids[start : start + T])
        for i, ids in enumerate(sequences)
        for start in range(0, len(ids), T)
    ]
    pieces.sort(key=lambda piece: len(piece[1]), reverse=True)
    start = 0
    while start < len(pieces):
        rows = max(1, POSITIONS // len(pieces[start][1]))
        _add(model, pieces[start : start + rows], sums)
        start += rows
        if progress:
            progress(min(1.0, start / len(pieces)))
    lengths = np.maximum(1, [len(ids) for ids in sequences])
    return {name: sums[tap] / lengths[:, None] for name, tap in taps.items()}


def _add(model: Model, pieces: list[tuple[int, NDArray]], sums: dict[str, NDArray]) -> None:
    """Run pieces together, the longest first, and add what each layer made of them."""
    shape = (len(pieces), len(pieces[0][1]))
    tokens, mask = np.zeros(shape, np.int64), np.zeros(shape, bool)
    for row, (_, ids) in enumerate(pieces):
        tokens[row, : len(ids)] = ids
        mask[row, : len(ids)] = True
    owners = [i for i, _ in pieces]
    found = _watched(model, tokens, mask, tuple(sums))
    for name, total in sums.items():
        np.add.at(total, owners, (found[name] * mask[:, :, None]).sum(axis=1, dtype=np.float64))


def _watched(
    model: Model, tokens: NDArray, mask: NDArray | None, names: tuple[str, ...] = ()
) -> dict[str, NDArray]:
    """What the layers of these names make of the tokens; without names, what every layer does."""
    taps = Taps(keep=(lambda name: name in names) if names else None)
    with taps.watching({id(layer): path for path, layer in model.sublayers()}):
        model.features(tokens, key_mask=mask)
    return taps.values
