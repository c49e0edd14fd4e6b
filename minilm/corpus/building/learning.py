"""The tokenizer of a corpus: learned from its training side, or taken as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minilm import tokenizers
from minilm.corpus.building import store
from minilm.corpus.building.settings import TOKENIZERS, TokenizerConfig
from minilm.corpus.building.work import task_folder
from minilm.corpus.documents import Document
from minilm.corpus.keys import scramble
from minilm.tokenizers import BPETokenizer, Tokenizer

__all__ = ["check", "make", "taught"]


def check(config: TokenizerConfig) -> str:
    """The text of a tokenizer that is taken as it is; empty if it is to be learned.

    Raises
    ------
    MinilmError
        If it cannot be read.
    """
    return "" if config.name in TOKENIZERS else tokenizers.load(config.name).to_json()


def taught(
    rows: NDArray, copies: NDArray, held_out: NDArray, config: TokenizerConfig, seed: int
) -> NDArray[np.bool_]:
    """Which documents a tokenizer is learned from.

    Merges are learned from the training side alone, or the validation text would have a part
    in what its bits per byte are measured with; characters from both, or it could not be
    encoded. Under a limit, documents are taken in an order drawn from their digests.
    """
    taken = copies > 0
    if config.name != "bpe":
        return taken
    taken &= ~held_out
    if not config.max_bytes:
        return taken
    order = np.argsort(scramble(rows["digest"], seed, "tokenizer"), kind="stable")
    order = order[taken[order]]
    before = np.cumsum(rows["bytes"][order]) - rows["bytes"][order]
    chosen = np.zeros(len(rows), np.bool_)
    chosen[order[before < config.max_bytes]] = True
    return chosen


def make(
    config: TokenizerConfig, documents: Path, firsts: tuple[int, ...], chosen: NDArray
) -> Tokenizer:
    """The tokenizer of a recipe.

    Parameters
    ----------
    documents : path
        The folder of the first stage.
    firsts : tuple of int
        Number of the first document of each part, and of all documents.
    chosen : (N,) bool
        Documents to learn from.
    """
    if config.name not in TOKENIZERS:
        return tokenizers.load(config.name)
    texts = _documents(documents, firsts, chosen)
    if config.name == "bpe":
        words = (document.text for document in texts)
        return BPETokenizer.train(words, config.vocab_size, pattern=config.pattern)
    if config.name == "chars":
        from minilm.tokenizers import CharTokenizer

        return CharTokenizer.train((d.text for d in texts), with_end_of_text=True)
    return tokenizers.build(config.name, texts)


def _documents(folder: Path, firsts: tuple[int, ...], chosen: NDArray) -> Iterator[Document]:
    for part, first in enumerate(firsts[:-1]):
        here = chosen[first : firsts[part + 1]]
        if here.any():
            for document, wanted in zip(
                store.read(task_folder(folder, part)), here.tolist(), strict=True
            ):
                if wanted:
                    yield document
