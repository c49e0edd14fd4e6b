"""Documents to ids, part by part; and the duplicates of the part to where rejects are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minilm import tokenizers
from minilm.corpus.building import store
from minilm.corpus.building.choosing import EXACT, FATES, KEPT
from minilm.corpus.building.tally import Rejects
from minilm.corpus.building.work import output, task_folder
from minilm.corpus.documents import Document
from minilm.corpus.pipeline import Rejection
from minilm.errors import MinilmError
from minilm.tokenizers import Tokenizer

__all__ = ["DUPLICATES", "IDS", "LENGTHS", "EncodeTask", "encode_part", "plain_encoder"]

IDS, LENGTHS, DUPLICATES = "ids.bin", "lengths.npy", "counts.json"


@dataclass(frozen=True)
class EncodeTask:
    """One part to encode.

    Attributes
    ----------
    stage : path
        The stage's folder.
    number : int
        Of the part.
    documents : path
        The folder of the first stage.
    copies, fates, keepers : path
        Arrays over all documents: how often each is taken, why it is not, whose duplicate.
    firsts : tuple of int
        Number of the first document of each part, and of all documents.
    tokenizer : path
    """

    stage: Path
    number: int
    documents: Path
    copies: Path
    fates: Path
    keepers: Path
    firsts: tuple[int, ...]
    tokenizer: Path


def encode_part(task: EncodeTask) -> None:
    """Write the ids of the documents that are taken, each with its end, and their lengths.

    Lengths (n,) int64 are of all documents of the part, 0 for those that are not taken.
    """
    first, end = task.firsts[task.number : task.number + 2]
    paths = (task.copies, task.fates, task.keepers)
    copies, fates, keepers = (np.array(store.load(p, mapped=True)[first:end]) for p in paths)
    tokenizer = _tokenizer(task.tokenizer)
    encode, ending = plain_encoder(tokenizer), _ending(tokenizer)
    lengths = np.zeros(end - first, np.int64)
    source = task_folder(task.documents, task.number)
    stored = np.dtype(tokenizer.dtype).newbyteorder("<")
    with (
        output(task.stage, task.number) as folder,
        open(folder / IDS, "wb") as file,
        Rejects(folder / "rejected-exact.jsonl.gz") as exact,
        Rejects(folder / "rejected-near.jsonl.gz") as near,
    ):
        for i, document in enumerate(store.read(source)):
            if fates[i] != KEPT:
                rejects = exact if fates[i] == EXACT else near
                rejects(_duplicate(document, int(fates[i]), int(keepers[i]), task))
            elif copies[i]:
                ids = np.concatenate([_encoded(encode, document), ending])
                file.write(ids.astype(stored, copy=False).tobytes())
                lengths[i] = len(ids)
        store.save(folder / LENGTHS, lengths)
        counts = {"exact": exact.rules, "near": near.rules}
        (folder / DUPLICATES).write_text(json.dumps(counts), encoding="utf-8")


def _ending(tokenizer: Tokenizer) -> NDArray:
    end = [] if tokenizer.end_of_text is None else [tokenizer.end_of_text]
    return np.array(end, tokenizer.dtype)


def _encoded(encode: Callable[[str], NDArray], document: Document) -> NDArray:
    try:
        return encode(document.text)
    except MinilmError as error:
        raise MinilmError(f"document {document.source}/{document.id}: {error}") from None


def _duplicate(document: Document, fate: int, keeper: int, task: EncodeTask) -> Rejection:
    """Says of which document it is a duplicate: the one with the number `keeper`."""
    part = int(np.searchsorted(task.firsts, keeper, "right")) - 1
    kept = store.read_one(task_folder(task.documents, part), keeper - task.firsts[part])
    rule = f"{FATES[fate]}_duplicate"
    return Rejection(document, rule, f"of {kept.source}/{kept.id}", "one of each")


@lru_cache(maxsize=1)
def _tokenizer(path: Path) -> Tokenizer:
    """Loaded once in a process; a build has one."""
    return tokenizers.load(path)


def plain_encoder(tokenizer: Tokenizer) -> Callable[[str], NDArray]:
    """`tokenizer.encode`, to which no text spells a special token.

    Ours never take text for a special token. Those of another library do, so there a name
    that stands in the text is encoded in two halves.
    """
    names = [name for name in tokenizer.special_tokens if len(name) > 1]
    if tokenizer.kind in tokenizers.KINDS or not names:
        return tokenizer.encode
    spelt = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))

    def encode(text: str) -> NDArray:
        cuts = [(match.start() + match.end()) // 2 for match in spelt.finditer(text)]
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        return np.concatenate([tokenizer.encode(piece) for piece in pieces])

    return encode
