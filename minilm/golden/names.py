"""What the tensors of a golden file are called, in which order they come, and what their axes are.

    input.tokens                     (N, B, T): N batches, one a step
    parameter.NAME                   at the beginning
    value.NAME                       an intermediate of the first step, by its name in `Taps`
    loss                             of the first step
    gradient.value.NAME              of that loss with respect to it
    gradient.parameter.NAME
    step.1.loss, step.1.gradient_norm, step.1.learning_rate
    step.1.parameter.NAME            after the first step of the optimiser; then step.2, ...

That is the order of computation too, but that gradients come in the order of the backward pass:
from the last value to the first, each followed by the parameters of its layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["ROLES", "axes", "backward_order", "letters", "role", "step_names", "step_of"]

ROLES = {
    "input": "inputs",
    "parameter": "parameters",
    "value": "intermediates",
    "loss": "loss",
    "gradient": "gradients",
    "step": "steps",
}
STEP_SCALARS = ("loss", "gradient_norm", "learning_rate")


def role(name: str) -> str:
    """The key of `ROLES` that a tensor's name begins with.

    Examples
    --------
    >>> role("gradient.value.head"), role("step.3.loss")
    ('gradient', 'step')
    """
    return name.partition(".")[0]


def step_of(name: str) -> int:
    """The step of the optimiser that a tensor belongs to; 0 for what comes before.

    Examples
    --------
    >>> step_of("step.3.loss"), step_of("loss")
    (3, 0)
    """
    found = re.match(r"step\.(\d{1,9})\.", name)
    return int(found[1]) if found else 0


def backward_order(values: Sequence[str], parameters: Sequence[str]) -> list[str]:
    """The names of all gradients, as they appear in the backward pass.

    Parameters
    ----------
    values, parameters : sequence of str
        Names without prefix, in the order of the forward pass.

    Examples
    --------
    >>> backward_order(["embedding", "head"], ["embedding.weight", "head.bias"])[:3]
    ['gradient.value.head', 'gradient.parameter.head.bias', 'gradient.value.embedding']
    """
    order = []
    left = list(parameters)
    for value in reversed(values):
        order.append(f"gradient.value.{value}")
        own = [name for name in left if name.rpartition(".")[0] == value]
        order += [f"gradient.parameter.{name}" for name in own]
        left = [name for name in left if name not in own]
    return order + [f"gradient.parameter.{name}" for name in reversed(left)]


def step_names(step: int, parameters: Iterable[str]) -> list[str]:
    """The tensors of one step of the optimiser, counted from 1."""
    scalars = [f"step.{step}.{scalar}" for scalar in STEP_SCALARS]
    return scalars + [f"step.{step}.parameter.{name}" for name in parameters]


def letters(config: Any, batch_size: int, positions: int) -> dict[str, int]:
    """The sizes that the letters of the shapes stand for.

    Returns
    -------
    dict of str to int
        B, T, S (key positions, here as many as T), C, H, K (key-value heads), D, F, V and L.
    """
    return {
        "B": batch_size,
        "T": positions,
        "S": positions,
        "C": config.n_embd,
        "H": config.n_head,
        "K": config.kv_heads,
        "D": config.head_size,
        "F": config.hidden_size,
        "V": config.vocab_size,
        "L": config.n_layer,
    }


# What a name ends with, and its axes; the first line that fits the name and the sizes counts.
_AXES = (
    (r"input\.wanted", "N B T C"),
    (r"input\..*", "N B T"),
    (r"value\.(.*\.)?attention\.(query|query_norm|mixed)", "B H T D"),
    (r"value\.(.*\.)?attention\.(key|key_norm|value)", "B K S D"),
    (r"value\.(.*\.)?attention\.(scores|weights)", "B H T S"),
    (r"value\.(.*\.)?attention\.qkv", "B T (H+2K)D"),
    (r"value\.(.*\.)?mlp\.(up|activation)", "B T F"),
    (r"value\.(.*\.)?mlp\.up", "B T 2F"),
    (r"value\.(head|head\.decoder)", "B T V"),
    (r"value\.position_embedding", "T C"),
    (r"value\..*", "B T C"),
    (r"parameter\.token_embedding\.weight", "V C"),
    (r"parameter\.position_embedding\.weight", "P C"),
    (r"parameter\.type_embedding\.weight", "types C"),
    (r"parameter\.(.*\.)?attention\.qkv\.weight", "C (H+2K)D"),
    (r"parameter\.(.*\.)?attention\.qkv\.bias", "(H+2K)D"),
    (r"parameter\.(.*\.)?attention\.projection\.weight", "HD C"),
    (r"parameter\.(.*\.)?attention\.(query|key)_norm\.weight", "D"),
    (r"parameter\.(.*\.)?mlp\.up\.weight", "C F"),
    (r"parameter\.(.*\.)?mlp\.up\.weight", "C 2F"),
    (r"parameter\.(.*\.)?mlp\.up\.bias", "F"),
    (r"parameter\.(.*\.)?mlp\.up\.bias", "2F"),
    (r"parameter\.(.*\.)?mlp\.down\.weight", "F C"),
    (r"parameter\.head\.weight", "C V"),
    (r"parameter\.head\.decoder\.bias", "V"),
    (r"parameter\..*", "C"),
    (r"parameter\..*", "C C"),
)
_PREFIX = re.compile(r"^(gradient|step\.\d+)\.(?=value\.|parameter\.)")


def axes(name: str, shape: Sequence[int], sizes: Mapping[str, int]) -> list[str]:
    """The axes of a tensor in letters; a number where no letter is known.

    Examples
    --------
    >>> sizes = {"B": 2, "T": 5, "S": 5, "C": 8, "H": 4, "K": 2, "D": 2, "F": 32, "V": 9, "L": 1}
    >>> axes("gradient.value.blocks.0.attention.scores", (2, 4, 5, 5), sizes)
    ['B', 'H', 'T', 'S']
    >>> axes("parameter.blocks.0.attention.qkv.weight", (8, 16), sizes)
    ['C', '(H+2K)D']
    >>> axes("value.pooler", (2, 8), sizes)
    ['B', 'C']
    """
    plain = _PREFIX.sub("", name)
    known = dict(sizes)
    known["(H+2K)D"] = (known["H"] + 2 * known["K"]) * known["D"]
    known["HD"] = known["H"] * known["D"]
    known["2F"] = 2 * known["F"]
    for pattern, words in _AXES:
        found = words.split()
        # Axes that are counted by no letter (N, P, types) may have any size.
        fits = len(found) == len(shape) and all(
            known.get(axis, size) == size for axis, size in zip(found, shape, strict=True)
        )
        if fits and re.fullmatch(pattern, plain):
            return found
    guesses = ("B", "T") if len(shape) > 2 else ("B",)
    found = []
    for i, size in enumerate(shape):
        expected = guesses[i] if i < len(guesses) else "C"
        found.append(expected if known[expected] == size else str(size))
    return found
