"""Bytes to ids with one vocabulary: the twin that is active does the work, on any thread.

What the compiled twin remembers of the pieces it has seen belongs to one thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minilm import backend
from minilm.backend import ops
from minilm.tokenizers.bpe.code_points import classes
from minilm.tokenizers.bpe.patterns import NUMBERS
from minilm.tokenizers.bpe.vocabulary import Vocabulary

__all__ = ["Engine", "in_order"]


class Engine:
    """Encodes bytes.

    Parameters
    ----------
    vocabulary : Vocabulary
    pattern : str
        One of `patterns.PATTERNS`.
    """

    def __init__(self, vocabulary: Vocabulary, pattern: str) -> None:
        self._vocabulary = vocabulary
        self._pattern = NUMBERS[pattern]
        self._tables: dict[str, Any] = {}
        self._memories = threading.local()

    def encoder(self) -> Callable[[bytes], NDArray]:
        """A function from bytes to ids (n,) int32, which any thread may call.

        It runs the twin that is active now: what is active is not known in other threads.
        """
        twin, module = backend.active(), ops.bpe_encoding
        if twin not in self._tables:
            words = self._vocabulary
            self._tables[twin] = module.tables(words.byte_ids, words.pairs, words.products)
        tables = self._tables[twin]

        def encode(data: bytes) -> NDArray:
            memories = self._memories.__dict__
            if twin not in memories:
                memories[twin] = module.memory()
            view = np.frombuffer(data, np.uint8)
            found: NDArray = module.encode(view, classes(), self._pattern, tables, memories[twin])
            return found

        return encode


def in_order(
    work: Callable[[bytes], NDArray], blocks: Iterable[bytes], threads: int
) -> Iterator[NDArray]:
    """`work` of each block, in their order, on so many threads; few blocks wait in memory."""
    if threads == 1:
        yield from map(work, blocks)
        return
    waiting: deque[Future[NDArray]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for block in blocks:
            waiting.append(pool.submit(work, block))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
