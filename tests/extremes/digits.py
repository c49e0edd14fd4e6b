"""Formulas in 100 digits, for what float64 is itself too coarse to judge."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

MP = mpmath.mp.clone()
MP.dps = 100
STEP = MP.mpf("1e-30")
# Of arrays, element by element; their elements are numbers of mpmath.
mpf = np.frompyfunc(MP.mpf, 1, 1)
exp, log, sqrt, tanh, erfc = (
    np.frompyfunc(getattr(MP, name), 1, 1) for name in ("exp", "log", "sqrt", "tanh", "erfc")
)

SIDES = list(itertools.product(("kernels", "reference"), (np.float32, np.float64)))
every_side = pytest.mark.parametrize(
    ("twin", "dtype"), SIDES, ids=[f"{twin}-{dtype.__name__}" for twin, dtype in SIDES]
)


def run(twin: str, name: str, args: list[NDArray], dtype: type, **kwargs: Any) -> list[Any]:
    """y and the gradients of one twin, all of the dtype."""
    operation = importlib.import_module(f"minilm.{twin}.{name}")
    args = [x.astype(dtype) if x.dtype.kind == "f" else x for x in args]
    y, saved = operation.forward(*args, **kwargs)
    gradients = operation.backward(upstream(np.shape(y)).astype(dtype), saved)
    found = [y, *(gradients if isinstance(gradients, tuple) else [gradients])]
    assert all(x.dtype == dtype for x in found if np.ndim(x))
    return found


def upstream(shape: tuple[int, ...]) -> NDArray:
    """The dy of `run` and `exact`: not uniform, and exact in float32."""
    return (1 + np.arange(np.prod(shape, dtype=int)) % 7).reshape(shape) / 4 - 1.125


def exact(formula: Callable[..., Any], args: list[NDArray], dy: NDArray | None = None) -> list[Any]:
    """The formula's y and its gradients for the float arguments.

    A gradient is a difference quotient: with so many digits the step can be so small that it
    is exact, and owes nothing to anybody's derivation.
    """
    args = [mpf(x) if x.dtype.kind == "f" else x for x in args]
    y = formula(*args)
    dy, found = mpf(upstream(np.shape(y)) if dy is None else dy), [y]
    for x in args:
        if x.dtype != object:
            continue
        gradient = np.empty_like(x)
        for at in np.ndindex(x.shape):
            value, sides = x[at], []
            step = STEP * (max(1, abs(value)) if MP.isfinite(value) else 1)
            for shift in (step, -step):
                x[at] = value + shift
                sides.append(np.sum(dy * formula(*args)))
            x[at] = value
            gradient[at] = (sides[0] - sides[1]) / (2 * step)
        found.append(gradient)
    return found


def close(
    result: NDArray,
    wanted: Any,
    ulps: float,
    *,
    size: Any = None,
    each: bool = False,
    floor: float = 1.0,
) -> None:
    """All finite, and wrong by at most so many units in the last place of `size`, of `each`
    number, or else of the largest wanted one; or by `floor` times the smallest normal number."""
    result, wanted = np.asarray(result), np.asarray(wanted)
    kind = np.finfo(result.dtype)
    assert result.shape == wanted.shape
    assert np.isfinite(result).all()
    size = np.abs(wanted) if each else size or np.abs(wanted).max()
    error = np.abs(mpf(result) - wanted)
    allowed = ulps * float(kind.eps) * size + floor * MP.mpf(float(kind.smallest_normal))
    worst = float((error / allowed).max()) * ulps
    assert worst <= ulps, f"{worst:.3g} ulps"
