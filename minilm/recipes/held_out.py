"""The text that a run is measured on: document by document, never mixed with one another.

It is the validation split of the run's own text, or any other text. In training one document
follows the next, and a window may begin in one and end in another. Here each is scored by
itself, after the token that begins a text, so that documents are independent of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from minilm import corpus
from minilm.corpus.shards import ShardedIds, is_shards
from minilm.errors import MinilmError
from minilm.evaluation.multiple_choice import beginning
from minilm.evaluation.scoring import Request
from minilm.recipes.loading import Parts
from minilm.recipes.recipe import DataConfig
from minilm.recipes.text import Text, prepare
from minilm.tokenizers import Tokenizer

__all__ = ["HeldOut", "held_out", "own_text"]

Ids = NDArray


@dataclass(frozen=True)
class HeldOut:
    """Documents as a model reads them.

    Attributes
    ----------
    name : str
        Where they are from.
    documents : list of ndarray (n,) of int
        Each with the end-of-text token behind it, if the tokenizer has one.
    bytes_per_id : ndarray (V,) of int
        0 for special tokens.
    """

    name: str
    documents: list[Ids]
    bytes_per_id: NDArray
    tokenizer: Tokenizer

    def requests(self) -> list[Request]:
        """What to score: every token, or all but the first where none begins a text.

        Raises
        ------
        MinilmError
            If that is nothing.
        """
        start = beginning(self.tokenizer)
        found = [Request(np.concatenate([start, ids])) for ids in self.documents]
        found = [request for request in found if len(request.ids) > 1]
        if not found:
            raise MinilmError(f"{self.name} has no token to predict; give a longer text")
        return found

    def texts(self) -> list[str]:
        """The documents as text."""
        end = self.tokenizer.end_of_text
        return [self.tokenizer.decode(ids[ids != end]) for ids in self.documents]


def own_text(run: str, parts: Parts) -> Text:
    """Both sides of the text that the run was trained on, read anew.

    Raises
    ------
    MinilmError
        If it is gone, or has changed since.
    """
    recipe = parts.recipe
    if not recipe.data.source:
        raise MinilmError(
            f"{run} was imported and has no text of its own; name one with --data FILE or FOLDER"
        )
    # The split does not depend on the run's seed: no other would be the run's own.
    return prepare(recipe.data, recipe.name, tokenizer=parts.tokenizer)


def held_out(text: Text | None, parts: Parts, data: str | None) -> HeldOut:
    """The validation documents of `text`, or all documents of `data`.

    Parameters
    ----------
    data : str, optional
        A text file, a folder of them, an embedded corpus; or shards, of which the validation
        split is taken.

    Raises
    ------
    MinilmError
        If the data is missing or unreadable, or the tokenizer lacks one of its characters.
    """
    tokenizer = parts.tokenizer
    assert tokenizer is not None
    if data is None:
        assert text is not None
        name, ids = (
            f"validation split of {parts.recipe.data.source}",
            _documents(text, parts.recipe.data),
        )
    elif is_shards(data):
        config = replace(parts.recipe.data, source=data, sha256="")
        name = f"validation split of {data}"
        ids = _documents(prepare(config, data, tokenizer=tokenizer), config)
    else:
        name, ids = data, _encoded(corpus.load(data), tokenizer)
    return HeldOut(name, ids, _bytes_per_id(tokenizer), tokenizer)


def _documents(text: Text, data: DataConfig) -> list[Ids]:
    """The validation side, cut where its documents end."""
    ids = text.validation.ids
    if isinstance(ids, ShardedIds):
        return [ids.document(i).astype(np.int64) for i in range(ids.n_documents)]
    end = text.tokenizer.end_of_text
    if end is None:  # nothing in the stream tells, so it is made once more
        sides = corpus.split(corpus.load(data.source), data.split, data.validation)
        return _encoded(sides[1], text.tokenizer)
    cuts = np.flatnonzero(ids == end) + 1
    return [part.astype(np.int64) for part in np.split(ids, cuts) if len(part)]


def _encoded(documents: Sequence[corpus.Document], tokenizer: Tokenizer) -> list[Ids]:
    return [corpus.encode([one], tokenizer).ids.astype(np.int64) for one in documents if one.text]


def _bytes_per_id(tokenizer: Tokenizer) -> NDArray:
    special = set(tokenizer.special_tokens.values())
    ids = range(tokenizer.vocab_size)
    return np.array([0 if i in special else len(tokenizer.token_bytes(i)) for i in ids])
