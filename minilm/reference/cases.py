"""Arguments to try an operation on: small, random, and awkward on purpose.

One position, one head, one channel, sizes that no vector width divides, rows that may
see nothing, ids that repeat. `minilm gradcheck` and the tests run both twins on them.

A case's positional arguments are those with respect to which an operation is
differentiated (and integers, which have no gradient); what is held fixed is passed by
name. Values stay away from places where difference quotients cannot follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError, did_you_mean
from minilm.reference import rope

__all__ = ["OPERATIONS", "Case", "cases"]


@dataclass(frozen=True)
class Case:
    """One call ``forward(*args, **kwargs)``; float arrays are float64."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    vanishing: tuple[str, ...] = ()  # arguments whose gradient is exactly zero here


def cases(op_name: str, rng: np.random.Generator) -> Iterator[Case]:
    """The cases of one operation; the same `rng` state gives the same cases.

    Raises
    ------
    MinilmError
        If there is no operation of this name.

    Examples
    --------
    >>> [case.name for case in cases("squared_relu", np.random.default_rng(0))]
    ['three axes', 'one number']
    """
    if op_name not in _CASES:
        raise MinilmError(f"no operation {op_name!r}{did_you_mean(op_name, _CASES)}")
    return _CASES[op_name](rng)


def _linear(rng: np.random.Generator) -> Iterator[Case]:
    normal = rng.standard_normal
    yield Case("three axes", (normal((2, 3, 4)), normal((4, 5)), normal(5)))
    yield Case("no bias", (normal((3, 2)), normal((2, 7)), None))
    yield Case("one row, one channel", (normal((1, 1)), normal((1, 1)), normal(1)))
    yield Case("one vector", (normal(3), normal((3, 2)), normal(2)))


def _embedding(rng: np.random.Generator) -> Iterator[Case]:
    normal = rng.standard_normal
    yield Case("repeated ids", (np.array([[3, 0, 3], [3, 5, 0]]), normal((7, 3))))
    yield Case("one row, one channel", (np.zeros((1, 4), np.int64), normal((1, 1))))
    yield Case("one id", (np.array([2]), normal((3, 5))))


def _layer_norm(rng: np.random.Generator) -> Iterator[Case]:
    normal = rng.standard_normal
    yield Case("three axes", (normal((2, 3, 5)), normal(5), normal(5)))
    yield Case("no bias", (normal((3, 7)), normal(7), None))
    yield Case("one position", (normal((1, 1, 9)), normal(9), normal(9)))
    yield Case("one vector", (normal(9), normal(9), normal(9)))
    yield Case("far from zero", (20 + normal((2, 6)), normal(6), normal(6)))
    yield Case("large eps", (normal((3, 2)), normal(2), normal(2)), {"eps": 0.5})
    one = (normal((3, 1)), normal(1), normal(1))
    yield Case("one channel", one, vanishing=("x", "weight"))


def _rms_norm(rng: np.random.Generator) -> Iterator[Case]:
    normal = rng.standard_normal
    yield Case("three axes", (normal((2, 3, 5)), normal(5)))
    yield Case("one position", (normal((1, 1, 9)), normal(9)))
    yield Case("one vector", (normal(9), normal(9)))
    yield Case("one channel, large eps", (normal((3, 1)), normal(1)), {"eps": 0.5})


def _gelu(rng: np.random.Generator) -> Iterator[Case]:
    for approximate in ("tanh", "none"):
        kwargs = {"approximate": approximate}
        yield Case(f"{approximate}, three axes", (rng.standard_normal((2, 3, 5)),), kwargs)
        yield Case(f"{approximate}, both tails", (np.linspace(-6, 6, 13),), kwargs)
        yield Case(f"{approximate}, one number", (rng.standard_normal(1),), kwargs)


def _swiglu(rng: np.random.Generator) -> Iterator[Case]:
    yield Case("three axes", (rng.standard_normal((2, 3, 10)),))
    yield Case("one channel", (rng.standard_normal((1, 2)),))
    yield Case("gates wide open and shut", (np.array([[-40.0, -9, 9, 40, 1, 2, 3, 4]]),))


def _squared_relu(rng: np.random.Generator) -> Iterator[Case]:
    # The second derivative jumps at zero, so a difference quotient across it is wrong.
    away = rng.uniform(0.1, 3, (2, 3, 5)) * np.where(rng.random((2, 3, 5)) < 0.5, -1, 1)
    yield Case("three axes", (away,))
    yield Case("one number", (np.array([1.5]),))


def _softmax(rng: np.random.Generator) -> Iterator[Case]:
    scores = rng.standard_normal((2, 3, 5))
    yield Case("three axes", (scores,))
    masked = scores.copy()
    masked[0, :, 2:] = -np.inf
    masked[1, 1] = -np.inf
    yield Case("masked, one row fully", (masked,))
    yield Case("far from zero", (500 + rng.standard_normal((2, 7)),))
    yield Case("one score a row", (rng.standard_normal((3, 1)),), vanishing=("x",))


def _rope(rng: np.random.Generator) -> Iterator[Case]:
    def turned(shape: tuple[int, ...], n_channel: int, **kwargs: Any) -> Any:
        x = rng.standard_normal(shape)
        cos, sin = rope.tables(rope.frequencies(n_channel, 100.0), shape[2], **kwargs)
        return (x,), {"cos": cos, "sin": sin}

    yield Case("several positions", *turned((2, 3, 5, 6), 6))
    yield Case("some channels, from a later start", *turned((1, 2, 3, 7), 4, start=11))
    yield Case("scaled tables", *turned((1, 1, 2, 4), 4, scale=1.3))
    yield Case("one position, one pair", *turned((1, 1, 1, 2), 2, start=1))


def _tanh(rng: np.random.Generator) -> Iterator[Case]:
    yield Case("three axes", (rng.standard_normal((2, 3, 5)),))
    yield Case("both tails", (np.linspace(-4, 4, 9),))


def _dropout(rng: np.random.Generator) -> Iterator[Case]:
    normal = rng.standard_normal
    yield Case("three axes", (normal((2, 3, 5)), 0.3, 2**63 + 12345))
    yield Case("nothing dropped", (normal((3, 3)), 0.0, 1))
    yield Case("most dropped", (normal(41), 0.9, 7))


def _qkv(
    rng: np.random.Generator, b: int, h: int, k: int, t: int, s: int, d: int
) -> tuple[NDArray, NDArray, NDArray]:
    normal = rng.standard_normal
    return normal((b, h, t, d)), normal((b, k, s, d)), normal((b, k, s, d))


def _attention(rng: np.random.Generator) -> Iterator[Case]:
    yield Case("full", _qkv(rng, 2, 2, 2, 3, 3, 4))
    yield Case("causal", _qkv(rng, 1, 2, 2, 5, 5, 3), {"causal": True})
    yield Case("causal, earlier keys", _qkv(rng, 1, 1, 1, 2, 5, 3), {"causal": True})
    # Queries 0 and 1 of 5 come before the first of 3 keys and see nothing.
    yield Case("causal, more queries", _qkv(rng, 1, 2, 1, 5, 3, 2), {"causal": True})
    yield Case("grouped heads", _qkv(rng, 2, 4, 2, 3, 3, 2), {"causal": True})
    yield Case("one key head", _qkv(rng, 1, 3, 1, 2, 4, 3))
    yield Case("cross, odd sizes", _qkv(rng, 2, 1, 1, 3, 7, 5))
    yield Case("own scale", _qkv(rng, 1, 2, 2, 3, 3, 3), {"scale": 0.9})
    one = _qkv(rng, 1, 1, 1, 1, 1, 1)
    yield Case("one position, one head, one channel", one, {"causal": True}, ("q", "k"))

    mask = np.array([[True, False, True, True], [False] * 4, [True, True, False, False]])
    yield Case("padding, one sequence fully", _qkv(rng, 3, 2, 2, 3, 4, 3), {"key_mask": mask})
    left = {"causal": True, "key_mask": np.array([[False, False, True, True], [True] * 4])}
    yield Case("causal, padding on the left", _qkv(rng, 2, 2, 1, 4, 4, 3), left)

    dropout = {"dropout": 0.4, "key": 2**64 - 3}
    yield Case("dropout", _qkv(rng, 2, 2, 2, 3, 6, 2), dropout)
    yield Case("everything", _qkv(rng, 2, 4, 2, 4, 4, 3), {**dropout, **left, "scale": 0.5})
    starts = np.array([[0, 0, 2, 2, 2, 5], [0, 1, 1, 1, 4, 4]])
    within = {"causal": True, "first_key": starts}
    yield Case("several documents a row", _qkv(rng, 2, 2, 1, 6, 6, 3), within)
    yield Case("longer than a tile", _qkv(rng, 1, 1, 1, 66, 67, 1), {"causal": True})


def _softmax_cross_entropy(rng: np.random.Generator) -> Iterator[Case]:
    logits = 2 * rng.standard_normal((6, 7))
    targets = np.array([3, 0, 3, -100, 6, 1])
    weights = np.array([1.0, 0.2, 0.0, 5.0, 3.0, 1.5])
    yield Case("plain", (logits, np.array([3, 0, 3, 2, 6, 1])))
    yield Case("ignored target", (logits, targets))
    yield Case("weights", (logits, targets), {"weights": weights})
    yield Case("normalizer", (logits, targets), {"weights": weights, "normalizer": 3.5})
    yield Case("label smoothing", (logits, targets), {"label_smoothing": 0.2})
    yield Case("z-loss", (logits, targets), {"z_loss": 0.1})
    everything = {
        "weights": weights,
        "ignore_index": 0,
        "label_smoothing": 0.3,
        "z_loss": 0.05,
        "normalizer": 4.0,
    }
    yield Case("everything", (logits, np.array([3, 0, 3, 2, 6, 1])), everything)
    yield Case("far from zero", (500 + logits, targets))
    ignored = np.full(6, -100)
    yield Case("all ignored", (logits, ignored), vanishing=("logits",))
    one = (np.array([[0.7]]), np.array([0]))
    yield Case("one row, one class", one, vanishing=("logits",))
    yield Case("one row, one class, z-loss", one, {"z_loss": 0.1})


_CASES: dict[str, Callable[[np.random.Generator], Iterator[Case]]] = {
    "linear": _linear,
    "squared_relu": _squared_relu,
    "gelu": _gelu,
    "swiglu": _swiglu,
    "embedding": _embedding,
    "softmax": _softmax,
    "softmax_cross_entropy": _softmax_cross_entropy,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "rope": _rope,
    "tanh": _tanh,
    "dropout": _dropout,
    "attention": _attention,
}

OPERATIONS = tuple(_CASES)  # in the reading order of `minilm.reference`
