"""A model whose products read bfloat16: twice as fast where reading weights is what counts.

The float32 weights stay, for the embedding and for whoever looks at them; so a model takes
half as much memory again, and what a token reads of it is half.
"""

from __future__ import annotations

import numpy as np

from minilm.backend import ops
from minilm.errors import MinilmError
from minilm.models.model import Model
from minilm.nn.linear import Linear, TiedLinear

__all__ = ["keep_halves"]


def keep_halves(model: Model) -> int:
    """Let every linear map of the model use its weight rounded to bfloat16, from now on.

    The model can then write and no longer learn. A second call changes nothing.

    Returns
    -------
    int
        Bytes that the rounded weights take.

    Raises
    ------
    MinilmError
        If the model is not of float32.

    Examples
    --------
    >>> from minilm.models.config import GPTConfig
    >>> from minilm.models.gpt import GPT
    >>> model = GPT(GPTConfig(vocab_size=9, block_size=8, n_layer=1, n_head=2, n_embd=8))
    >>> keep_halves(model) >= 1680  # more where they fill the tiles of a matrix unit
    True
    """
    if model.parameters.values.dtype != np.float32:
        raise MinilmError("only a float32 model can keep its weights in bfloat16")
    n_bytes = 0
    for _, layer in model.sublayers():
        if not isinstance(layer, (Linear, TiedLinear)):
            continue
        if layer.half is None:
            weight = layer.table.value.T if isinstance(layer, TiedLinear) else layer.weight.value
            layer.half = ops.half_weights.keep(weight)
        n_bytes += layer.half.nbytes
    return n_bytes
