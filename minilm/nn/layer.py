"""What every layer is: parameters bound once, and a pair of functions.

    y, saved = layer.forward(x)
    dx = layer.backward(dy, saved)      # and adds into its parameters' gradients

Nothing about one call is remembered on the layer: all that backward needs travels in
`saved`. So a layer can run twice before it runs backward, and gradients of both runs add.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from minilm.nn import taps

__all__ = ["Layer"]


class Layer:
    """Attributes can be set once, in the constructor.

    A parameter is a view into the model's one array. Were it rebound
    (``layer.weight = ...``), the optimiser, the checkpoint and the layer would no longer
    speak of the same numbers; so that raises, and values change in place only:
    ``layer.weight.value[...] = ...``.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__:
            raise AttributeError(
                f"{type(self).__name__}.{name} is bound once; write into {name}.value[...] instead"
            )
        super().__setattr__(name, value)

    def __init_subclass__(cls) -> None:
        """Let taps see the outputs of the subclass, and their gradients."""
        for name, watch in (("forward", _watch_forward), ("backward", _watch_backward)):
            if name in cls.__dict__:
                setattr(cls, name, watch(cls.__dict__[name]))

    def tap(self, **values: NDArray) -> None:
        """Show inner values, by name, to whoever has asked (`minilm.nn.taps`)."""
        if recorder := taps.active.get():
            for name, value in values.items():
                recorder.value(f"{recorder.path(self)}.{name}".lstrip("."), value)

    def tap_gradients(self, **gradients: NDArray) -> None:
        """The same for the gradients with respect to those values."""
        if recorder := taps.active.get():
            for name, gradient in gradients.items():
                recorder.gradient(f"{recorder.path(self)}.{name}".lstrip("."), gradient)

    def tapped(self, name: str) -> bool:
        """Whether somebody asks for the inner value `name`, which may be dear to compute."""
        recorder = taps.active.get()
        return recorder is not None and recorder.wants(f"{recorder.path(self)}.{name}".lstrip("."))

    @property
    def watched(self) -> bool:
        """Whether somebody asks for anything: then every output must be one of its own."""
        return taps.active.get() is not None

    def sublayers(self, path: str = "") -> Iterator[tuple[str, Layer]]:
        """The layers within, with their dotted paths, depth first."""
        for name, value in vars(self).items():
            several = value if isinstance(value, tuple) else (value,)
            for i, layer in enumerate(several):
                if isinstance(layer, Layer):
                    inner = f"{path}{name}.{i}" if value is several else f"{path}{name}"
                    yield inner, layer
                    yield from layer.sublayers(f"{inner}.")


def _watch_forward(forward: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(forward)
    def watched(self: Layer, *args: Any, **kwargs: Any) -> Any:
        y, saved = forward(self, *args, **kwargs)
        if recorder := taps.active.get():
            recorder.value(recorder.path(self), y)
        return y, saved

    return watched


def _watch_backward(backward: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(backward)
    def watched(self: Layer, dy: Any, *args: Any, **kwargs: Any) -> Any:
        if recorder := taps.active.get():
            recorder.gradient(recorder.path(self), dy)
        return backward(self, dy, *args, **kwargs)

    return watched
