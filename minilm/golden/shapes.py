"""The shapes of all intermediates, before the batch that they are wanted for is computed.

Three forward passes over the smallest batches tell how each depends on B and T.
"""

from __future__ import annotations

from minilm.golden.inputs import Inputs
from minilm.golden.states import forward
from minilm.models.model import Model
from minilm.nn.taps import Taps

__all__ = ["shapes_of_values"]


def shapes_of_values(model: Model, inputs: Inputs) -> dict[str, tuple[int, ...]]:
    """The shape of every intermediate, from how it grows with B and with T."""
    B, T = inputs.batch_size, inputs.positions
    least = _traced(model, inputs, 1, 1)
    wider = _traced(model, inputs, 2, 1) if B > 1 else least
    longer = _traced(model, inputs, 1, 2) if T > 1 else least
    return {
        name: tuple(
            a + (B - 1) * (b - a) + (T - 1) * (t - a)
            for a, b, t in zip(shape, wider[name], longer[name], strict=True)
        )
        for name, shape in least.items()
    }


def _traced(
    model: Model, inputs: Inputs, batch_size: int, positions: int
) -> dict[str, tuple[int, ...]]:
    taps = Taps()
    forward(model, inputs.corner(batch_size, positions), taps)
    return {name: value.shape for name, value in taps.values.items()}
