"""Token after token: forward, draw, append.

The model has seen contexts of at most `block_size` tokens. When the text outgrows that,
the older half of the window is dropped and the newer half is run through the model
again, at positions from 0; then generation goes on. So the model always has between half
a window and a whole one before it, and the cost of the re-run is shared by the many
tokens that follow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.generation import sampling
from minilm.generation.cache import Cache
from minilm.models.gpt import GPT

__all__ = ["generate", "window"]


def window(n_tokens: int, block_size: int) -> int:
    """Index of the first of `n_tokens` tokens that the model still sees.

    Examples
    --------
    >>> [window(n, 8) for n in (1, 8, 9, 12, 13)]
    [0, 0, 4, 4, 8]
    """
    if n_tokens <= block_size:
        return 0
    kept = max(1, block_size // 2)
    dropped = block_size - kept or 1
    return -(-(n_tokens - block_size) // dropped) * dropped


def generate(
    model: GPT,
    prompt: NDArray,
    *,
    rng: np.random.Generator,
    max_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    use_cache: bool = True,
) -> Iterator[int]:
    """Yield up to `max_tokens` ids that continue `prompt`.

    Parameters
    ----------
    prompt : ndarray (n,) of int
        At least one id; of a long prompt the model sees the end (`window`).
    use_cache : bool
        Without it every token runs the whole window through the model: slower, and the
        same logits up to rounding, but for RoPE scaling that depends on how many positions
        there are. Of kind dynamic, it turns faster or slower with each position beyond
        `original_context`; of kind longrope, once, when that is passed. A key in the cache
        stays turned as it was when it came in, where without the cache all are turned anew.
    temperature, top_k, top_p
        See `minilm.generation.sampling`.

    Raises
    ------
    MinilmError
        If the prompt is empty or an option is out of range.
    """
    if len(prompt) == 0:
        raise MinilmError("the prompt has no tokens; give at least one")
    sampling.check(temperature, top_k, top_p)
    tokens = [int(token) for token in prompt]
    cache, first, seen = Cache(model, n_positions=len(tokens) + max_tokens), 0, 0
    for _ in range(max_tokens):
        start = window(len(tokens), model.config.block_size)
        if start != first or not use_cache:
            cache.length, first, seen = 0, start, start
        seen = max(seen, first)
        logits = cache.extend(np.array([tokens[seen:]]))[0]
        seen = len(tokens)
        token = sampling.sample(logits, rng=rng, temperature=temperature, top_k=top_k, top_p=top_p)
        tokens.append(token)
        yield token
