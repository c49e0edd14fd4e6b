"""Opening a folder of shards: everything is checked once, then mapped into memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minilm.corpus.shards.checking import check
from minilm.corpus.shards.ids import ShardedIds
from minilm.corpus.shards.manifest import MANIFEST, SPLITS, TOKENIZER, Manifest
from minilm.errors import MinilmError
from minilm.tokenizers import Tokenizer
from minilm.tokenizers import load as load_tokenizer

__all__ = ["Shards", "is_shards", "open_shards", "text_ids"]


@dataclass(frozen=True)
class Shards:
    """A corpus that is ready to train on.

    Attributes
    ----------
    folder : path
    manifest : Manifest
    tokenizer : Tokenizer
        The one that made the ids.
    train, val : ShardedIds
    """

    folder: Path
    manifest: Manifest
    tokenizer: Tokenizer
    train: ShardedIds
    val: ShardedIds

    def split(self, name: str) -> ShardedIds:
        """The ids of "train" or "val"."""
        return self.train if name == "train" else self.val

    def n_bytes(self, name: str) -> int:
        """Bytes of the text of "train" or "val" in UTF-8."""
        return sum(shard.bytes for shard in self.manifest.split(name))

    def check_tokenizer(self, tokenizer: Tokenizer, where: str) -> None:
        """Refuse a tokenizer that is not the one of the shards.

        Raises
        ------
        MinilmError
            If the ids would mean something else to it; `where` says where it comes from.
        """
        own = self.tokenizer
        if tokenizer.to_json() == own.to_json() or _same_table(tokenizer, own):
            return
        raise MinilmError(
            f"{where} ({tokenizer.kind}, {tokenizer.vocab_size} tokens) is not the tokenizer "
            f"that made the shards of {self.folder} ({own.kind}, {own.vocab_size} tokens); "
            "leave it out, or build the corpus with it"
        )


def _same_table(one: Tokenizer, other: Tokenizer) -> bool:
    """Whether two tokenizers of one kind agree, though their files are laid out differently."""
    return one.kind == other.kind and one.to_dict() == other.to_dict()


def is_shards(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder that holds shards."""
    return (Path(path) / MANIFEST).is_file()


def open_shards(path: str | os.PathLike[str], *, verify: bool = False) -> Shards:
    """Open the folder that ``minilm corpus build`` wrote.

    The sizes of all files are compared with the manifest each time. Their digests are,
    the first time and whenever a file's size or time of change is not what it then was;
    ``.verified`` in the folder remembers, where it may be written.

    Parameters
    ----------
    path : path
    verify : bool
        Compute all digests anew.

    Raises
    ------
    MinilmError
        If the folder holds no corpus, a file is missing, cut short or changed, or the
        tokenizer is not the one of the manifest.
    """
    folder = Path(path)
    if not is_shards(folder):
        what = "no such folder" if not folder.exists() else f"it has no {MANIFEST}"
        hint = "; its build did not finish: run it again" if (folder / "work").is_dir() else ""
        raise MinilmError(f"no shards at {path}: {what}{hint or '; check the path'}")
    manifest = Manifest.read(folder)
    check(folder, manifest, anew=verify)
    tokenizer = load_tokenizer(folder / TOKENIZER)
    if tokenizer.vocab_size != manifest.vocab_size:
        raise MinilmError(
            f"{folder / TOKENIZER} has {tokenizer.vocab_size} tokens and the shards "
            f"{manifest.vocab_size}; put back the tokenizer that the corpus was built with"
        )
    train, val = (ShardedIds(folder, manifest.split(s), np.dtype(manifest.dtype)) for s in SPLITS)
    return Shards(folder, manifest, tokenizer, train, val)


def text_ids(ids: NDArray, end_of_text: int | None) -> NDArray:
    """The ids of a document without the token that ends it."""
    return ids[:-1] if end_of_text is not None and len(ids) and ids[-1] == end_of_text else ids
