"""Random numbers that depend on nothing but (seed, step, purpose).

No generator is carried along: each use makes its own, from a counter. So the data of
step 400 is the same whether or not steps 0 to 399 were run in this process, evaluation
never disturbs training, and a resumed run equals one that never stopped, bit for bit.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["fold", "generator", "key"]


def key(seed: int, step: int, purpose: str) -> int:
    """A 64-bit key that names one stream of random numbers.

    Examples
    --------
    >>> key(0, 7, "dropout") == key(0, 7, "dropout") != key(0, 8, "dropout")
    True
    """
    text = f"{seed}/{step}/{purpose}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def fold(parent: int, purpose: str) -> int:
    """The key of one place (a layer, a dropout site) inside the stream `parent`."""
    return key(parent, 0, purpose)


def generator(seed: int, step: int, purpose: str) -> np.random.Generator:
    """A NumPy generator at the start of the stream (seed, step, purpose)."""
    return np.random.Generator(np.random.Philox(key=key(seed, step, purpose)))
