"""What it takes to open the checkpoints of one family of models, and to write them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from minilm.errors import MinilmError, did_you_mean
from minilm.interop.fields import Field
from minilm.interop.layout import Piece

__all__ = ["ACTIVATIONS", "UNGATED", "Family", "activation", "common_dropout", "foreign_activation"]

# Their names for the nonlinearities, and ours. The first of several is the one written.
ACTIVATIONS = {
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu_fast": "gelu",
    "gelu": "gelu_exact",
    "gelu_python": "gelu_exact",
    "relu2": "squared_relu",
}
UNGATED = tuple(dict.fromkeys(ACTIVATIONS.values()))


@dataclass(frozen=True)
class Family:
    """One family of checkpoints.

    Attributes
    ----------
    model_type : str
        Its name in ``config.json``.
    architectures : tuple of str
        The classes of `transformers` that have these tensors; the first is written.
    fields : tuple of Field
        The fields of ``config.json`` that are honoured.
    config : function
        Values of the fields, and the names of the tensors there are, to our configuration.
    describe : function
        Our configuration to the fields of ``config.json``.
    pieces : function
        Our configuration to the tensors.
    needs : mapping of str to container
        What our configuration must have for the family to express it: attribute -> values.
    prefix : str
        Of the names of tensors, which a checkpoint without a head leaves out.
    copies : tuple of str
        Patterns (fnmatch) of tensors that are no parameters: tables that follow from the
        configuration, and the second name of a tied weight.
    left_out : tuple of str
        Patterns of parameters of parts that are not taken over, which is told.
    tied : mapping of str to str
        A tensor that a file may hold beside the one it is tied to: copy -> source.
    """

    model_type: str
    architectures: tuple[str, ...]
    fields: tuple[Field, ...]
    config: Callable[[Mapping[str, Any], Collection[str]], Any]
    describe: Callable[[Any], dict[str, Any]]
    pieces: Callable[[Any], Iterable[Piece]]
    needs: Mapping[str, Container[Any]]
    prefix: str
    copies: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    tied: Mapping[str, str] = field(default_factory=dict)

    def obstacle(self, config: Any) -> str:
        """Why the family cannot express a configuration; empty if it can."""
        for name, values in self.needs.items():
            value = getattr(config, name, None)
            if value not in values:
                return f"{name} = {value}"
        return ""


def activation(name: str, where: str) -> str:
    """Our name of a nonlinearity; MinilmError if there is none."""
    if name not in ACTIVATIONS:
        raise MinilmError(f"{where} = {name!r} is not supported{did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]


def foreign_activation(name: str) -> str:
    """Their name of one of our nonlinearities."""
    return next(theirs for theirs, ours in ACTIVATIONS.items() if ours == name)


def common_dropout(values: Mapping[str, Any], *names: str) -> float:
    """The one rate of dropout, if the several agree; else 0.

    It has no effect on what the model computes, only on training it further.
    """
    rates = {values[name] for name in names}
    rate = float(rates.pop())
    return rate if not rates and 0 <= rate < 1 else 0.0
