"""All parameters of a model in one contiguous array; a parameter is a named view of it.

    values     [ decaying ............ | not decaying ....... ]   (N,)
    gradients  [ same layout                                  ]   (N,)

So clipping is one dot product, AdamW one pass, weight decay a prefix (`n_decay`), and a
checkpoint a walk over names. Layers declare what they need through a `Scope`, which knows
where they stand in the model; the declaration (name, shape, initialiser, decay or not) is
written once and drives allocation, checkpoints and documentation.

    scope = Scope()
    layer = Linear(scope / "head", 3, 5)        # declares head.weight and head.bias
    parameters = Parameters(scope.declared)     # allocates, and binds the views
    parameters["head.weight"].value             # (3, 5), a view of parameters.values
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minilm import aligned, rng
from minilm.backend import ops

__all__ = ["Constant", "Initialiser", "Normal", "Parameter", "Parameters", "Scope"]

# Every parameter starts on a cache line: 16 float32 are 64 bytes. The gaps stay zero.
ALIGNMENT = 16


@dataclass(frozen=True)
class Normal:
    """Independent draws from a normal distribution of mean 0."""

    std: float

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray:
        return generator.normal(0.0, self.std, shape)


@dataclass(frozen=True)
class Constant:
    """Every entry alike: 1 for the gain of a norm, 0 for a bias."""

    value: float

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray:
        return np.full(shape, self.value)


Initialiser = Normal | Constant


class Parameter:
    """A declaration, and once allocated, the views `value` and `grad`.

    Attributes
    ----------
    name : str
        Dotted path in the model, such as ``blocks.0.attention.qkv.weight``.
    shape : tuple of int
    initialiser : Normal or Constant
    decay : bool
        Whether weight decay applies. By convention to matrices only: pulling the gain of
        a norm or a bias towards zero does not make the function simpler.
    """

    __slots__ = ("_grad", "_value", "decay", "initialiser", "name", "shape")

    def __init__(
        self, name: str, shape: tuple[int, ...], initialiser: Initialiser, decay: bool
    ) -> None:
        self.name = name
        self.shape = shape
        self.initialiser = initialiser
        self.decay = decay
        self._value: NDArray | None = None
        self._grad: NDArray | None = None

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def value(self) -> NDArray:
        """The view of the values, of `shape`. Write into it; it cannot be replaced."""
        assert self._value is not None, f"{self.name} is declared, not allocated"
        return self._value

    @property
    def grad(self) -> NDArray:
        """The view of the gradient of the loss with respect to `value`. Add into it."""
        assert self._grad is not None, f"{self.name} is declared, not allocated"
        return self._grad

    def add_grad(self, gradient: NDArray | None) -> None:
        """Add what a backward returned."""
        if gradient is not None:
            np.add(self.grad, gradient, out=self.grad)

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, {self.shape})"


class Scope:
    """A place in the model under which layers declare their parameters.

    Examples
    --------
    >>> scope = Scope()
    >>> (scope / "blocks" / "0").parameter("gain", (4,), Constant(1.0))
    Parameter('blocks.0.gain', (4,))
    """

    def __init__(self, path: str = "", declared: list[Parameter] | None = None) -> None:
        self.path = path
        self.declared: list[Parameter] = [] if declared is None else declared

    def __truediv__(self, name: str) -> Scope:
        return Scope(f"{self.path}.{name}" if self.path else name, self.declared)

    def parameter(
        self, name: str, shape: tuple[int, ...], initialiser: Initialiser, *, decay: bool = False
    ) -> Parameter:
        """Declare a parameter here; its views come with `Parameters`."""
        parameter = Parameter((self / name).path, shape, initialiser, decay)
        if any(parameter.name == other.name for other in self.declared):
            raise ValueError(f"parameter {parameter.name} is declared twice")
        self.declared.append(parameter)
        return parameter


class Parameters:
    """The arrays that hold every parameter of a model, and its gradient.

    Parameters
    ----------
    declared : list of Parameter
        In the order of computation, which iteration keeps. Each is allocated once.
    dtype : float32 or float64
    seed : int or None
        Each parameter draws from a stream of its own, named by the parameter, so adding
        one leaves the others' initial values as they were. None leaves all at zero, for
        those who fill them from a file.

    Attributes
    ----------
    values, gradients : ndarray, shape (N,)
    n_decay : int
        Weight decay applies to ``values[:n_decay]``.
    n_parameters : int
        Entries in all, without the gaps of alignment.
    """

    def __init__(
        self, declared: list[Parameter], dtype: DTypeLike = np.float32, seed: int | None = 0
    ) -> None:
        self._by_name = {parameter.name: parameter for parameter in declared}
        layout = [p for p in declared if p.decay] + [p for p in declared if not p.decay]
        spans = [-(-p.size // ALIGNMENT) * ALIGNMENT for p in layout]
        self.values: NDArray = aligned.zeros((sum(spans),), dtype)
        self.gradients: NDArray = aligned.zeros((sum(spans),), dtype)
        self.n_decay = sum(span for p, span in zip(layout, spans, strict=True) if p.decay)
        self.n_parameters = sum(p.size for p in declared)
        self._start = {}
        start = 0
        for parameter, span in zip(layout, spans, strict=True):
            if parameter._value is not None:
                raise ValueError(f"{parameter.name} is allocated already")
            self._start[parameter.name] = start
            parameter._value = self.view(self.values, parameter.name)
            parameter._grad = self.view(self.gradients, parameter.name)
            if seed is not None:
                generator = rng.generator(seed, 0, f"initialise/{parameter.name}")
                parameter._value[...] = parameter.initialiser(generator, parameter.shape)
            start += span

    def view(self, flat: NDArray, name: str) -> NDArray:
        """The part of an array of this layout (a gradient, a moment) that belongs to `name`."""
        parameter = self._by_name[name]
        start = self._start[name]
        return flat[start : start + parameter.size].reshape(parameter.shape)

    def span(self, name: str) -> slice:
        """Where `name` stands in an array of this layout, with the gap of alignment after it."""
        start = self._start[name]
        return slice(start, start + -(-self._by_name[name].size // ALIGNMENT) * ALIGNMENT)

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._by_name.values())

    def zero_gradients(self) -> None:
        """Forget the gradients of the last step."""
        ops.adamw.clear(self.gradients)

    def first_not_finite(self) -> str | None:
        """The first parameter, in order of computation, that holds a NaN or an infinity.

        Values go before gradients: one bad value spoils the gradients of all the rest.
        """
        for what in ("value", "grad"):
            for parameter in self:
                if not np.isfinite(getattr(parameter, what)).all():
                    return f"the {what} of {parameter.name}"
        return None
