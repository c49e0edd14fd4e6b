"""Stretches of the one array of parameters that learn at the same rate.

    values    [ embedding | block 0 | block 1 | head || norms of each, not decaying ]
    rates       0.25        0.5       1         1       0.25 | 0.5 | 1 | 1

Neighbours of the same rate are one span, so that a model whose parameters all learn alike is
updated in one pass. No span crosses the border between what decays and what does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from minilm.nn.parameters import Parameters

__all__ = ["Span", "spans"]


class Span(NamedTuple):
    """A stretch of the array.

    Attributes
    ----------
    place : slice
    n_decay : int
        To how many entries from its beginning weight decay applies: all or none, except in
        the single span of a model whose parameters all learn alike.
    rate : float
        Factor of the learning rate; 0 for what is frozen.
    """

    place: slice
    n_decay: int
    rate: float


def spans(parameters: Parameters, rates: Mapping[str, float]) -> list[Span]:
    """The spans of a model, in order.

    Parameters
    ----------
    rates : mapping
        Name -> factor, at least 0; 1 for what is not named.

    Raises
    ------
    ValueError
        If a name is no parameter's, or a factor negative or not finite.
    """
    unknown = rates.keys() - {parameter.name for parameter in parameters}
    if unknown:
        raise ValueError(f"a rate for {min(unknown)}, which is no parameter")
    if any(not (math.isfinite(rate) and rate >= 0) for rate in rates.values()):
        raise ValueError("rates must be finite and not negative")
    if all(rate == 1 for rate in rates.values()):
        return [Span(slice(0, len(parameters.values)), parameters.n_decay, 1.0)]
    found: list[Span] = []
    for parameter in sorted(parameters, key=lambda p: parameters.span(p.name).start):
        place, rate = parameters.span(parameter.name), rates.get(parameter.name, 1.0)
        last = found[-1] if found else None
        if last and last.rate == rate and last.place.stop != parameters.n_decay:
            place = slice(last.place.start, place.stop)
            found.pop()
        decays = place.start < parameters.n_decay
        found.append(Span(place, place.stop - place.start if decays else 0, rate))
    return found
