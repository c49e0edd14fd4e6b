"""How deep in a model each parameter stands, and the learning rates that follow from it.

    depth 0            the embeddings, and the norm after them
    depth 1 ... L      the blocks
    depth L + 1        all above: the last norm, the heads

What a pretrained model learned about its input in general is in its lower layers, so that
fine-tuning should move them less: depth d learns at decay^(L + 1 - d) times the rate. Frozen
layers, counted from below, do not learn at all.

Sources: Howard and Ruder, "Universal Language Model Fine-tuning" (2018), section 3.2; Clark et
al., "ELECTRA" (2020), appendix B, for transformers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from minilm.errors import MinilmError

__all__ = ["depth", "rates"]

_BLOCK = re.compile(r"blocks\.(\d+)\.")
_EMBEDDING = re.compile(r"(token|position|type)_embedding\.|embedding_norm\.")


def depth(name: str, n_layer: int) -> int:
    """The depth of the parameter of this name in a model of L layers.

    Examples
    --------
    >>> [depth(name, 4) for name in ("token_embedding.weight", "blocks.3.mlp.up.bias", "x.bias")]
    [0, 4, 5]
    """
    block = _BLOCK.match(name)
    if block:
        return int(block[1]) + 1
    return 0 if _EMBEDDING.match(name) else n_layer + 1


def rates(
    names: Iterable[str], n_layer: int, *, decay: float = 1.0, n_frozen: int = 0
) -> dict[str, float]:
    """Name -> factor of the learning rate.

    Parameters
    ----------
    decay : float
        Factor from each depth to the next below; 1 for none.
    n_frozen : int
        Depths that do not learn, from below: 1 freezes the embeddings, L + 1 all but the head.

    Raises
    ------
    MinilmError
        If more is to be frozen than there is.

    Examples
    --------
    >>> names = ["token_embedding.weight", "blocks.0.norm.weight", "classifier.weight"]
    >>> rates(names, 1, decay=0.5, n_frozen=1)
    {'token_embedding.weight': 0.0, 'blocks.0.norm.weight': 0.5, 'classifier.weight': 1.0}
    """
    if not 0 <= n_frozen <= n_layer + 1:
        raise MinilmError(
            f"objective.frozen = {n_frozen}: this model has {n_layer} layers; choose 0 for none, "
            f"1 for the embeddings, up to {n_layer + 1} for all but the head"
        )
    found = {}
    for name in names:
        d = depth(name, n_layer)
        found[name] = 0.0 if d < n_frozen else decay ** (n_layer + 1 - d)
    return found
