r"""Is this backward the derivative of that forward?

A backward pass with a wrong sign still runs, and the loss may even fall. So it is held
against a difference quotient of the forward pass, in float64, one number of one argument
at a time. With an upstream gradient dy, the quantity differentiated is L = sum(dy * y), and

    dL/dx ~ (8 (L(x + h) - L(x - h)) - (L(x + 2h) - L(x - 2h))) / 12 h

whose error is of order h^4: near 1e-11 for h = 1/1024, where the usual (L(x + h) -
L(x - h)) / 2h, of order h^2, stops near 1e-9. That leaves no room for a small wrong term.

dy is random and not uniform. With dy = 1 whole terms cancel: every gradient of a softmax,
for example, would be zero, and a backward that returns zeros would pass.

`gradcheck` serves anybody's own operation, `check_operation` those of this library, and
`directional_check` whole models, along random directions through all parameters at once.

Source: Fornberg, "Generation of Finite Difference Formulas on Arbitrarily Spaced Grids"
(1988), table 1, for the quotient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from minilm import backend, rng
from minilm.directional_check import directional_check
from minilm.gradient_call import Call, is_float
from minilm.gradient_report import SMALLEST_SCALE, Report, Row, compare, table
from minilm.reference.cases import Case, cases

__all__ = [
    "TOLERANCE",
    "Report",
    "Row",
    "check_operation",
    "directional_check",
    "gradcheck",
    "table",
]

STEP = 2.0**-10
TOLERANCE = 1e-9


def gradcheck(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[..., Any],
    args: Sequence[Any],
    *,
    kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
    step: float = STEP,
    tolerance: float = TOLERANCE,
) -> Report:
    """Check a backward pass against difference quotients of its forward pass.

    Also reported: gradients of a wrong shape or dtype, not finite, or missing; arguments
    changed in place; a forward that gives another result the second time (hidden
    randomness), and a backward that does (it has changed what was saved).

    Parameters
    ----------
    forward : ``forward(*args, **kwargs) -> (y, saved)``; y a float array, a number, or a
        tuple of these
    backward : ``backward(dy, saved) ->`` the gradient, or a tuple of them in the order of
        the float arrays among `args`. Other arguments have none: for those that are None
        (an absent bias), or for all of them, the tuple may hold None.
    args : tried as float64 copies. Float arrays are differentiated, all else is held fixed.
    kwargs : held fixed
    seed : of the upstream gradient
    step : h, in the units of the arguments; the default suits numbers of size about 1 and
        functions that are smooth over a few h
    tolerance : of the relative error

    Raises
    ------
    MinilmError
        If `forward` and `backward` do not have the form above.

    Examples
    --------
    >>> def forward(x):
    ...     return np.sin(x), x
    >>> def backward(dy, x):
    ...     return dy * np.cos(x)
    >>> report = gradcheck(forward, backward, [np.array([0.3, 1.0])])
    >>> report.ok, report.worst < 1e-10
    (True, True)
    >>> gradcheck(forward, lambda dy, x: -dy * np.cos(x), [np.array([0.3, 1.0])]).ok
    False
    """
    call = Call(forward, backward, args, kwargs or {})
    y, gradients, problems = call.once_and_again(rng.generator(seed, 0, "upstream gradient"))
    weighted = np.concatenate([(a * b).reshape(-1) for a, b in zip(call.dy, y, strict=True)])
    smallest = SMALLEST_SCALE * float(np.linalg.norm(weighted))

    rows = []
    for index in call.differentiable:
        name = call.names[index]
        numeric = call.difference_quotient(index, step)
        row = compare(name, gradients[index], numeric, smallest, tolerance)
        rows.append(replace(row, problem=problems.pop(name, "") or row.problem))
    rows += [Row(name, (), np.inf, problem=problem) for name, problem in problems.items()]
    return Report(rows)


def check_operation(name: str, twin: str = "reference", seed: int = 0) -> list[Row]:
    """Check one operation of this library on all of its `minilm.reference.cases`.

    Stricter than `gradcheck`: it is a failure if a gradient vanishes that should not, and
    if float64 comes out of float32 arguments.

    Parameters
    ----------
    name : one of `minilm.reference.cases.OPERATIONS`
    twin : "reference" or "kernels" (an operation without a kernel runs its reference)
    seed : of the arguments and the upstream gradients

    Raises
    ------
    MinilmError
        If there is no operation of this name.

    Examples
    --------
    >>> all(row.ok for row in check_operation("rms_norm"))
    True
    """
    rows = []
    with backend.using(twin):
        for case in cases(name, rng.generator(seed, 0, f"cases of {name}")):
            operation = getattr(backend.ops, name)
            forward, backward = operation.forward, operation.backward
            report = gradcheck(forward, backward, case.args, kwargs=case.kwargs, seed=seed)
            for row in report.rows:
                problem = row.problem
                if row.ok and row.largest == 0 and row.argument not in case.vanishing:
                    problem = "the gradient vanishes and should not"
                rows.append(replace(row, case=case.name, problem=problem))
            rows += [replace(row, case=case.name) for row in _widened(operation, case)]
    return rows


def _widened(operation: ModuleType, case: Case) -> list[Row]:
    """A row for everything that is not float32 though the arguments were."""
    args = [value.astype(np.float32) if is_float(value) else value for value in case.args]
    y, saved = operation.forward(*args, **case.kwargs)
    dy = np.ones(y.shape, np.float32) if is_float(y) else 1.0
    gradients = operation.backward(dy, saved)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    found = {"y": y} | {f"gradient {i}": gradient for i, gradient in enumerate(gradients)}
    return [
        Row(name, value.shape, np.inf, problem=f"{value.dtype} for float32 arguments")
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.dtype != np.float32
    ]
