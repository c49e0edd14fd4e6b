"""What every model is: features, then a head, over one array of parameters.

    x, saved = model.features(tokens)           # (B, T, C): all but the head
    logits, s_head = model.head.forward(x)
    dx = model.head.backward(dlogits, s_head)
    model.features_backward(dx, saved)          # the mirror image

The head stands apart because a loss rarely needs every logit at once: training takes it
in slices of positions, a masked objective only where something is masked, generation only
at the last position. `forward` and `backward` join the two, and let `Taps` look on.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minilm.errors import MinilmError
from minilm.nn.layer import Layer
from minilm.nn.parameters import Parameter, Parameters, Scope
from minilm.nn.taps import Taps

__all__ = ["Model"]


class Model(Layer):
    """The common part of all models.

    Attributes
    ----------
    config : the architecture's configuration
    parameters : Parameters
    causal : bool
        Whether a position sees only itself and those before it, so that the model can write.
    """

    causal: ClassVar[bool]
    features: Callable[..., Any]  # tokens (B, T) of int -> (B, T, C), and what backward needs
    head: Any

    def __init__(self, config: Any, *, dtype: DTypeLike = np.float32, seed: int | None = 0) -> None:
        if config.vocab_size < 1:
            raise MinilmError("model.vocab_size = 0: set it to the tokenizer's vocabulary size")
        self.config = config
        scope = Scope()
        self.wire(config, scope)
        self.parameters = Parameters(scope.declared, dtype, seed)

    @classmethod
    def declare(cls, config: Any) -> list[Parameter]:
        """The parameters that a model of this configuration has, without allocating them."""
        scope = Scope()
        cls.__new__(cls).wire(config, scope)
        return scope.declared

    @classmethod
    def part(cls, config: Any, scope: Scope) -> Self:
        """The layers alone, inside a larger model that declares and allocates for both."""
        model = cls.__new__(cls)
        model.config = config
        model.wire(config, scope)
        return model

    @abstractmethod
    def wire(self, config: Any, scope: Scope) -> None:
        """Make the layers, which declare their parameters under `scope`."""

    @abstractmethod
    def features_backward(self, dx: NDArray, saved: Any) -> None:
        """dx (B, T, C): adds into the gradients of all parameters below the head."""

    def forward(
        self, tokens: NDArray, *, taps: Taps | None = None, key: int | None = None, **inputs: Any
    ) -> tuple[NDArray, Any]:
        """Tokens (B, T) -> logits (B, T, V), all of them.

        Parameters
        ----------
        taps : Taps, optional
            Keeps every intermediate value.
        key, inputs
            Those of `features`.

        Raises
        ------
        MinilmError
            If the model has no head.
        """
        with self._watched_by(taps):
            if self.head is None:
                raise MinilmError("this model has features and no head: use model.features")
            x, s_features = self.features(tokens, key=key, **inputs)
            logits, s_head = self.head.forward(x)
        return logits, (s_features, s_head)

    def backward(self, dlogits: NDArray, saved: Any, *, taps: Taps | None = None) -> None:
        """dlogits (B, T, V): adds into the gradient of every parameter.

        `taps`, the same as in forward, keeps the gradient of every intermediate.
        """
        s_features, s_head = saved
        with self._watched_by(taps):
            dx = self.head.backward(dlogits, s_head)
            self.features_backward(dx, s_features)

    def _watched_by(self, taps: Taps | None) -> contextlib.AbstractContextManager[None]:
        if taps is None:
            return contextlib.nullcontext()
        return taps.watching({id(layer): path for path, layer in self.sublayers()})

    def _check(self, tokens: NDArray, start: int = 0) -> None:
        """Refuse more positions than fit, and ids that the vocabulary lacks."""
        if start + tokens.shape[1] > self.config.block_size:
            raise MinilmError(
                f"{start + tokens.shape[1]} positions do not fit "
                f"model.block_size = {self.config.block_size}"
            )
        if tokens.size and not 0 <= np.min(tokens) <= np.max(tokens) < self.config.vocab_size:
            raise MinilmError(
                f"token ids from {np.min(tokens)} to {np.max(tokens)} do not fit "
                f"model.vocab_size = {self.config.vocab_size}"
            )
