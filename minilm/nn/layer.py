"""What every layer is: parameters bound once, and a pair of functions.

    y, saved = layer.forward(x)
    dx = layer.backward(dy, saved)      # and adds into its parameters' gradients

Nothing about one call is remembered on the layer: all that backward needs travels in
`saved`. So a layer can run twice before it runs backward, and gradients of both runs add.
"""

from __future__ import annotations

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
