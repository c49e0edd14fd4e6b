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

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm import backend, rng
from minilm.directional_check import directional_check
from minilm.errors import MinilmError
from minilm.gradient_report import SMALLEST_SCALE, Report, Row, compare, table
from minilm.reference.cases import Case, cases

__all__ = ["Report", "Row", "check_operation", "directional_check", "gradcheck", "table"]

STEP = 2.0**-10
TOLERANCE = 1e-8


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
    call = _Call(forward, backward, args, kwargs or {})
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

    Beyond `gradcheck`, it is a failure if a gradient vanishes that should not, and if
    float64 comes out of float32 arguments.

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


class _Call:
    """One call of a forward and a backward pass, on private float64 copies of the arguments."""

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> None:
        self.forward, self.backward = forward, backward
        self.args = [_private(value) for value in args]
        self.kwargs = {name: _private(value) for name, value in kwargs.items()}
        self.names = _argument_names(forward, len(self.args))
        self.differentiable = [i for i, value in enumerate(self.args) if _is_float(value)]
        self.watched = dict(zip(self.names, self.args, strict=True)) | self.kwargs
        self.before = {name: _private(value) for name, value in self.watched.items()}
        self.dy: tuple[NDArray, ...] = ()
        if not self.differentiable:
            raise MinilmError("gradcheck found no float array among args, so nothing to check")

    def once_and_again(
        self, generator: np.random.Generator
    ) -> tuple[tuple[NDArray, ...], dict[int, Any], dict[str, str]]:
        """Run both passes, then both again: what differs or has changed is a problem."""
        problems: dict[str, str] = {}
        y, form, saved = self.run()
        self._restore("forward", problems)
        self.dy = tuple(np.asarray(generator.standard_normal(part.shape)) for part in y)
        gradients = self._align(self.backward(form(self.dy), saved))
        first = [np.array(gradient) for gradient in gradients.values()]
        self._restore("backward", problems)

        if not all(np.isfinite(part).all() for part in y):
            problems["y"] = "forward returned numbers that are not finite"
        elif not all(map(_close, y, self.run()[0])):
            problems["y"] = "a second forward gives another y; pass randomness as an argument"
        given = form(self.dy)
        again = self._align(self.backward(given, saved))
        if not all(map(_close, first, again.values())):
            problems["saved"] = "a second backward gives another gradient: is saved changed?"
        if not all(map(_same, given if isinstance(given, tuple) else (given,), self.dy)):
            problems["dy"] = "backward changed it in place"
        return y, gradients, problems

    def run(self) -> tuple[tuple[NDArray, ...], Callable[[tuple[NDArray, ...]], Any], Any]:
        """y as a tuple of copies (it may be a view of an argument); a function that gives
        such a tuple the form in which forward returned y; saved."""
        result = self.forward(*self.args, **self.kwargs)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise MinilmError(f"forward must return (y, saved), not {type(result).__name__}")
        y, saved = result
        parts = tuple(np.array(part) for part in (y if isinstance(y, tuple) else (y,)))
        if any(part.dtype != np.float64 for part in parts):
            found = ", ".join(str(part.dtype) for part in parts)
            raise MinilmError(f"forward must return float64 for float64 arguments, not {found}")

        def form(dy: tuple[NDArray, ...]) -> Any:
            if isinstance(y, tuple):
                return tuple(part.copy() for part in dy)
            return float(dy[0]) if isinstance(y, float) else dy[0].copy()

        return parts, form, saved

    def difference_quotient(self, index: int, h: float) -> NDArray:
        """The numeric gradient of sum(dy * y) with respect to argument number `index`."""
        x = self.args[index]
        numeric = np.empty(x.shape)
        for place in np.ndindex(x.shape):
            centre = x[place]
            values = []
            for offset in (h, -h, 2 * h, -2 * h):
                x[place] = centre + offset
                values.append(self.run()[0])
            x[place] = centre
            # Subtracted before they are summed: what x does not reach cancels exactly.
            numeric[place] = sum(
                float(np.sum(part * (8 * (a - b) - (c - d)))) / (12 * h)
                for part, a, b, c, d in zip(self.dy, *values, strict=True)
            )
        return numeric

    def _align(self, returned: Any) -> dict[int, Any]:
        """The gradients by the index of their argument, for the three forms allowed."""
        gradients = returned if isinstance(returned, tuple) else (returned,)
        absent = [i for i, value in enumerate(self.args) if value is None]
        everything = list(range(len(self.args)))
        for owners in (everything, sorted(self.differentiable + absent), self.differentiable):
            if len(owners) == len(gradients):
                aligned = dict(zip(owners, gradients, strict=True))
                return {i: aligned[i] for i in self.differentiable}
        expected = ", ".join(self.names[i] for i in self.differentiable)
        raise MinilmError(
            f"backward returned {len(gradients)} gradients where one each is due for {expected}"
        )

    def _restore(self, culprit: str, problems: dict[str, str]) -> None:
        """Note which arguments were changed in place, and undo it."""
        for name, value in self.watched.items():
            if isinstance(value, np.ndarray) and not _same(value, self.before[name]):
                problems.setdefault(name, f"{culprit} changed it in place")
                value[...] = self.before[name]


def _widened(operation: ModuleType, case: Case) -> list[Row]:
    """A row for everything that is not float32 though the arguments were."""
    args = [value.astype(np.float32) if _is_float(value) else value for value in case.args]
    y, saved = operation.forward(*args, **case.kwargs)
    gradients = operation.backward(np.ones_like(y) if _is_float(y) else 1.0, saved)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    found = {"y": y} | {f"gradient {i}": gradient for i, gradient in enumerate(gradients)}
    return [
        Row(name, value.shape, np.inf, problem=f"{value.dtype} for float32 arguments")
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.dtype != np.float32
    ]


def _argument_names(forward: Callable[..., Any], count: int) -> list[str]:
    """The names of the first `count` parameters, as far as they can be learned."""
    try:
        known = list(inspect.signature(forward).parameters)[:count]
    except (TypeError, ValueError):  # some callables written in C do not say
        known = []
    return known + [f"argument {i}" for i in range(len(known), count)]


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)


def _private(value: Any) -> Any:
    """A copy of an array, float64 if it is one of floats; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    return np.array(value, dtype=np.float64 if _is_float(value) else value.dtype)


def _same(a: NDArray, b: NDArray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _close(a: Any, b: Any) -> bool:
    """Equal but for the order of a sum, which threads may change."""
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True)
