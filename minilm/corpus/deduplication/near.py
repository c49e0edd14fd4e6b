"""Near-duplicates: texts that share most of their runs of words.

How MinHash finds them is told in `minilm.reference.minhash`. The defaults are those with which
FineWeb was made: runs of 5 words, 14 bands of 8.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.backend import ops
from minilm.corpus.deduplication.clustering import clusters, longest
from minilm.corpus.deduplication.normal import batches, word_hashes
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import OnReject, Rejection, ignore
from minilm.errors import MinilmError

__all__ = ["MinHashConfig", "bands", "near_duplicates", "signatures"]


@dataclass(frozen=True)
class MinHashConfig:
    """What makes two texts near-duplicates.

    Attributes
    ----------
    shingle : int
        How many words a run has.
    bands, rows : int
        A signature has `bands` times `rows` numbers; one band that agrees is enough.
    seed : int
        Of the orders: which pairs near the threshold are found is up to chance, and to it.
    """

    shingle: int = 5
    bands: int = 14
    rows: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("shingle", "bands", "rows"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1024:
                raise MinilmError(
                    f"{name} = {value!r} of near-duplicates: must be a whole number from 1 to 1024"
                )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise MinilmError(
                f"seed = {self.seed!r} of near-duplicates: must be a whole number, 0 or more"
            )

    def probability(self, similarity: float) -> float:
        """How likely two texts of this Jaccard similarity share a band.

        Examples
        --------
        >>> [round(MinHashConfig().probability(s), 3) for s in (0.5, 0.72, 0.8, 0.9)]
        [0.053, 0.65, 0.924, 1.0]
        """
        return 1 - (1 - similarity**self.rows) ** self.bands


@functools.lru_cache(maxsize=4)
def _orders(config: MinHashConfig) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    generator = rng.generator(config.seed, 0, "minhash")
    both = generator.integers(0, 2**64, (2, config.bands * config.rows), np.uint64)
    return both[0] | np.uint64(1), both[1]


def signatures(texts: Iterable[str], config: MinHashConfig | None = None) -> NDArray[np.uint64]:
    """The signature of each text (N, bands * rows).

    Two texts agree in about as many of its numbers as their Jaccard similarity says.

    Examples
    --------
    >>> one, other = signatures(["One, two three FOUR five 6.", "one two three four five 7"])
    >>> bool((one == other).all())
    True
    """
    config = config or MinHashConfig()
    a, b = _orders(config)
    found = [np.empty((0, a.size), np.uint64)]
    for batch in batches(texts):
        found.append(ops.minhash.signatures(*word_hashes(batch), config.shingle, a, b))
    return np.concatenate(found)


def bands(signatures: NDArray, config: MinHashConfig | None = None) -> NDArray[np.uint64]:
    """The band keys of signatures (N, bands): texts that share one are near-duplicates.

    A text without words has `minilm.reference.minhash.NONE`, which `clusters` leaves alone.
    """
    found: NDArray[np.uint64] = ops.minhash.bands(signatures, (config or MinHashConfig()).bands)
    return found


def near_duplicates(
    documents: Iterable[Document],
    config: MinHashConfig | None = None,
    rejected: OnReject = ignore,
) -> Iterator[Document]:
    """The longest document of each cluster of near-duplicates, in order.

    Holds the documents in memory, since the last of them may be the longest; for more, see the
    parts that it is made of.

    Parameters
    ----------
    documents : iterable of Document
    config : MinHashConfig, optional
    rejected : callable
        Called with the others. The figure is the estimated similarity to the document that is
        kept, which may be low if it is a near-duplicate of a near-duplicate; the limit names it.

    Examples
    --------
    >>> text = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(60))
    >>> documents = [Document("a", text, "here"), Document("b", text + " and more", "here")]
    >>> documents += [Document("c", "Something else.", "here")]
    >>> [d.id for d in near_duplicates(documents, rejected=lambda r: print(r.document.id, r.limit))]
    a near-duplicate of b
    ['b', 'c']
    """
    config = config or MinHashConfig()
    documents = list(documents)
    signed = signatures((document.text for document in documents), config)
    numbers = np.arange(len(documents))
    with tempfile.TemporaryDirectory() as folder:
        found = clusters([(bands(signed, config), numbers)], len(documents), Path(folder))
        kept = longest(found, np.array([len(d.text) for d in documents], np.int64))
        del found  # a map of a file in the folder
    for i, j in enumerate(kept.tolist()):
        if i == j:
            yield documents[i]
        else:
            similarity = float((signed[i] == signed[j]).mean())
            limit = f"near-duplicate of {documents[j].id}"
            rejected(Rejection(documents[i], "near_duplicate", round(similarity, 3), limit))
