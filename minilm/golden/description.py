"""The JSON in a golden file's metadata, under the key ``golden``: what its tensors are.

A file may come from anyone. What is read here is checked: the recipe as any recipe, the list of
tensors against the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import tomli_w

from minilm.errors import MinilmError
from minilm.golden.names import ROLES, role
from minilm.recipes.reading import parse
from minilm.recipes.recipe import Recipe
from minilm.storage import json_file
from minilm.storage.tensor_file import TensorFile

__all__ = ["KEY", "Description", "Tensor", "read", "to_metadata"]

KEY = "golden"
FORMAT = 1
DTYPES = ("float64", "float32")
LOSSES = {
    "targets": (
        "mean over the targets that are not -100 of -log softmax(logits)[target], in nats per token"
    ),
    "wanted": (
        "sum((features - input.wanted)^2) / (2 B T) over the positions that are not padding: "
        "the model has no head"
    ),
}
CONVENTIONS = (
    "Tensors are listed in the order of computation; gradient.X is of loss with respect to X.",
    "A linear map is x @ weight + bias: weights are (in, out); a tied head is x @ table.T.",
    "qkv is fused along its columns: H query heads of D, then K key heads, then K value heads.",
    "scores hold 1/sqrt(D) and, where a query may not see a key, -inf; weights are their softmax.",
    "query and key are as attention sees them: after their norms and rotary positions.",
    "Rotary positions turn the channels (i, i + R/2) of a head as a pair, at positions from 0.",
    "mlp.up of a SwiGLU has 2F columns: silu of the first half times the second.",
    "A head's gradient of key and value (K heads) is the sum over the query heads that share them.",
    "Dropout is off.",
)
OPTIMIZER = (
    "c = min(1, clip_norm / (gradient_norm + 1e-6)), 1 if clip_norm = 0; g = c * gradient; "
    "p *= 1 - learning_rate * weight_decay, only where the tensor says decay; "
    "m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; "
    "p -= learning_rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps), t from 1; "
    "gradient_norm is the Euclidean norm of all gradients together, before clipping"
)


@dataclass(frozen=True)
class Tensor:
    """One line of the list.

    Attributes
    ----------
    shape : list of str
        The axes in letters.
    decay : bool
        Of a parameter: whether weight decay applies.
    """

    shape: list[str]
    decay: bool = False


@dataclass(frozen=True)
class Description:
    """What a golden file says about itself.

    Attributes
    ----------
    recipe : Recipe
        As it was run: with the batch, the schedule and the dropout (none) of these steps.
    dtype : "float64" or "float32"
        What was computed in.
    n_steps : int
    letters : dict of str to int
        The sizes that stand for the letters.
    tensors : dict of str to Tensor
        In the order of computation.
    """

    recipe: Recipe
    dtype: str
    n_steps: int
    letters: dict[str, int]
    tensors: dict[str, Tensor] = field(repr=False)
    loss: str = "targets"
    minilm: str = ""
    twin: str = ""


def to_metadata(description: Description) -> dict[str, str]:
    """The metadata of a safetensors file."""
    d = description
    recipe = asdict(d.recipe)
    found: dict[str, Any] = {
        "format": FORMAT,
        "minilm": d.minilm,
        "dtype": d.dtype,
        "twin": d.twin,
        "steps": d.n_steps,
        "letters": d.letters,
        "loss": LOSSES[d.loss],
        "optimizer": OPTIMIZER,
        "conventions": list(CONVENTIONS),
        "recipe": recipe,
        "tensors": [
            {"name": name, "role": role(name), "shape": tensor.shape}
            | ({"decay": tensor.decay} if role(name) == "parameter" else {})
            for name, tensor in d.tensors.items()
        ],
    }
    return {KEY: json.dumps(found)}


def read(file: TensorFile) -> Description:
    """The description of a golden file.

    Raises
    ------
    MinilmError
        If it has none, or one that is damaged or by a later version.
    """
    text = file.metadata.get(KEY)
    if text is None:
        raise MinilmError(
            f"{file.path} is not a golden file: it has no description; "
            "write one with minilm golden, and give it first"
        )
    try:
        found = json_file.parse(text.encode("utf-8", "surrogatepass"))
        if found.get("format") != FORMAT:
            raise ValueError(f"it is of format {found.get('format')!r:.20}, not {FORMAT}")
        return Description(
            recipe=_recipe(found["recipe"]),
            dtype=_one_of(found["dtype"], DTYPES),
            n_steps=_whole(found["steps"]),
            letters={str(k): _whole(n) for k, n in _mapping(found["letters"]).items()},
            tensors=_tensors(found["tensors"], file),
            loss="wanted" if found["loss"] == LOSSES["wanted"] else "targets",
            minilm=str(found["minilm"])[:40],
            twin=str(found["twin"])[:40],
        )
    except (ValueError, TypeError, KeyError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise MinilmError(
            f"{file.path} has a description that cannot be used: {what}; write it again"
        ) from None
    except MinilmError as error:
        raise MinilmError(f"{file.path}: the recipe in it: {error}") from None


def _recipe(found: Any) -> Recipe:
    return parse(tomli_w.dumps(_mapping(found)), "recipe")


def _mapping(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ValueError("a table in it is none")
    return found


def _whole(found: Any) -> int:
    if type(found) is not int or not 0 <= found < 2**63:
        raise ValueError(f"{found!r:.40} is not a size")
    return found


def _one_of(found: Any, choices: tuple[str, ...]) -> str:
    if found not in choices:
        raise ValueError(f"{found!r:.40} is none of {', '.join(choices)}")
    return found


def _tensors(found: Any, file: TensorFile) -> dict[str, Tensor]:
    tensors = {}
    if not isinstance(found, list):
        raise ValueError("its tensors are not a list")
    for line in found:
        name, shape = _mapping(line)["name"], line["shape"]
        if name not in file.names or name in tensors or role(name) not in ROLES:
            raise ValueError(f"it lists the tensor {name!r:.100}, which is not in the file once")
        n_axes = len(file.shape(name))
        if not (isinstance(shape, list) and all(isinstance(axis, str) for axis in shape)):
            raise ValueError(f"the shape of {name:.100} is not a list of letters")
        if len(shape) != n_axes:
            raise ValueError(f"{name:.100} has {n_axes} axes, and {len(shape)} are described")
        tensors[name] = Tensor([axis[:20] for axis in shape], bool(line.get("decay", False)))
    for name in file.names:
        if name not in tensors:
            raise ValueError(f"it does not list the tensor {name:.100}")
    return tensors
