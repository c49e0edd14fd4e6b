"""One call of an operation's two passes, repeated, watched and shaken, for the gradient checker."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError

__all__ = ["Call", "is_float"]


class Call:
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
        self.differentiable = [i for i, value in enumerate(self.args) if is_float(value)]
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
        first = [_private(gradient) for gradient in gradients.values()]
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
        self._restore("backward", problems)
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
            return float(dy[0]) if type(y) is float else dy[0].copy()

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
        gradients = returned if isinstance(returned, tuple | list) else (returned,)
        absent = [i for i, value in enumerate(self.args) if value is None]
        everything = list(range(len(self.args)))
        for owners in (everything, sorted(self.differentiable + absent), self.differentiable):
            if len(owners) == len(gradients):
                break
        else:
            due = ", ".join(self.names[i] for i in self.differentiable)
            raise MinilmError(
                f"backward returned {len(gradients)} gradients, but one each is due for {due}"
            )
        aligned = dict(zip(owners, gradients, strict=True))
        for i, gradient in aligned.items():
            if gradient is not None and i not in self.differentiable:
                raise MinilmError(
                    f"backward must return None for {self.names[i]}, which is no float array"
                )
        return {i: aligned[i] for i in self.differentiable}

    def _restore(self, culprit: str, problems: dict[str, str]) -> None:
        """Note which arguments were changed in place, and undo it."""
        for name, value in self.watched.items():
            if isinstance(value, np.ndarray) and not _same(value, self.before[name]):
                problems.setdefault(name, f"{culprit} changed it in place")
                value[...] = self.before[name]


def _argument_names(forward: Callable[..., Any], count: int) -> list[str]:
    """The names of the first `count` parameters, as far as they can be learned."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):  # some callables written in C do not say
        parameters = []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = [p.name for p in parameters if p.kind in positional][:count]
    return known + [f"argument {i}" for i in range(len(known), count)]


def is_float(value: Any) -> bool:
    """Whether a value is an array of floats, which can be differentiated."""
    return isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)


def _private(value: Any) -> Any:
    """A copy of an array, float64 if it is one of floats; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    return np.array(value, dtype=np.float64 if is_float(value) else value.dtype)


def _same(a: NDArray, b: NDArray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _close(a: Any, b: Any) -> bool:
    """Equal but for the order of a sum, which threads may change."""
    if a is None or b is None:
        return a is b
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True)
