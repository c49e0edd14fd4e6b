"""From a recipe's `[data]` to the two token streams that a run learns and is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from minilm import corpus, tokenizers
from minilm.corpus import Document, TokenStream
from minilm.corpus.shards import SPLITS, ShardedIds, is_shards, open_shards
from minilm.errors import MinilmError
from minilm.recipes.recipe import DataConfig
from minilm.tokenizers import Tokenizer

__all__ = ["Text", "prepare"]

# Shards are too large to count all n-grams of: so many tokens, from their beginning, where
# the sources are already mixed. Counting holds 60 bytes of each.
COUNTED = 2**22


@dataclass(frozen=True)
class Text:
    """Both sides of a split, encoded.

    Attributes
    ----------
    bytes_per_id : ndarray (V,) of int
        Bytes of text that a token stands for; 0 for special tokens.
    digest : str
        SHA-256 of the documents before the split, or of the shards.
    """

    train: TokenStream
    validation: TokenStream
    tokenizer: Tokenizer
    bytes_per_id: NDArray
    digest: str

    @property
    def counted(self) -> NDArray:
        """The training tokens that an n-gram model is made of, in memory."""
        ids = self.train.ids
        return ids[:COUNTED] if isinstance(ids, ShardedIds) else ids

    def stand_in(self, n_tokens: int) -> Text:
        """A text of so many equal tokens, which compiles what this one will run."""
        stream = TokenStream(np.zeros(n_tokens, np.int64), n_tokens, "")
        return replace(self, train=stream, validation=stream)


def prepare(
    config: DataConfig,
    recipe: str,
    seed: int = 0,
    tokenizer: Tokenizer | None = None,
    special_tokens: Sequence[str] = (),
) -> Text:
    """Read, split and encode; or open shards, of which all that is done.

    Parameters
    ----------
    tokenizer : Tokenizer, optional
        Take this one, as a run that goes on does, and not the one that `config` names.
    special_tokens : sequence of str
        What the objective needs: a tokenizer that is made here has them, any other must.

    Raises
    ------
    MinilmError
        If the text is missing, unreadable, too short to split, or not that of `sha256`; or
        shards are damaged, or of another tokenizer; or the tokenizer lacks a special token.
    """
    if not config.source:
        raise MinilmError(
            f"the recipe {recipe} comes without a text; name one with --data FILE or --data FOLDER"
        )
    if is_shards(config.source):
        text = _from_shards(config, tokenizer)
        _check_special_tokens(text.tokenizer, special_tokens, config)
        return text
    if config.tokenizer == "shards":
        raise MinilmError(
            f'data.tokenizer = "shards" needs a folder of shards, and {config.source} is none; '
            "make one: minilm corpus build RECIPE.toml --out FOLDER"
        )
    documents = corpus.load(config.source)
    digest = corpus.digest(documents)
    _check_digest(config, digest)
    training, validation = corpus.split(documents, config.split, config.validation, seed)
    tokenizer = tokenizer or _tokenizer(config, documents, training, special_tokens)
    _check_special_tokens(tokenizer, special_tokens, config)
    return Text(
        corpus.encode(training, tokenizer),
        corpus.encode(validation, tokenizer),
        tokenizer,
        _bytes_per_id(tokenizer),
        digest,
    )


def _check_special_tokens(
    tokenizer: Tokenizer, special_tokens: Sequence[str], config: DataConfig
) -> None:
    missing = [name for name in special_tokens if name not in tokenizer.special_tokens]
    if missing:
        raise MinilmError(
            f"data.tokenizer = {config.tokenizer!r} lacks {' and '.join(missing)}, which the "
            "objective needs: let the run make its own (data.tokenizer = bytes, chars or bpe), or "
            "train one with minilm tokenizer train --special"
        )


def _check_digest(config: DataConfig, digest: str) -> None:
    if config.sha256 not in ("", digest):
        raise MinilmError(
            f"the text of {config.source} is not the one that data.sha256 names: "
            f"{digest[:12]}, not {config.sha256[:12]}; restore it, or start a new run"
        )


def _bytes_per_id(tokenizer: Tokenizer) -> NDArray:
    sizes = [len(tokenizer.token_bytes(i)) for i in range(tokenizer.vocab_size)]
    for special in tokenizer.special_tokens.values():
        sizes[special] = 0
    return np.array(sizes)


def _from_shards(config: DataConfig, tokenizer: Tokenizer | None) -> Text:
    shards = open_shards(config.source)
    digest = shards.manifest.sha256
    _check_digest(config, digest)
    own = shards.tokenizer
    if tokenizer is not None:
        shards.check_tokenizer(tokenizer, "the run's tokenizer.json")
    elif config.tokenizer_is_path:
        shards.check_tokenizer(tokenizers.load(config.tokenizer), config.tokenizer)
    elif config.tokenizer not in ("shards", own.kind):
        raise MinilmError(
            f"data.tokenizer = {config.tokenizer!r}, and the shards of {config.source} were made "
            f"with {own.kind!r}, {own.vocab_size} tokens; leave it to them: data.tokenizer=shards"
        )
    # They behave as arrays do, as far as batches and evaluation ask.
    train, validation = (
        TokenStream(cast(NDArray, shards.split(s)), shards.n_bytes(s), digest) for s in SPLITS
    )
    return Text(train, validation, own, _bytes_per_id(own), digest)


def _tokenizer(
    config: DataConfig,
    documents: list[Document],
    training: list[Document],
    special_tokens: Sequence[str],
) -> Tokenizer:
    """The one that the recipe names. Merges are learned from the training side alone, or the
    validation text would have a part in what its bits per byte are measured with; characters
    from both, or it could not be encoded."""
    if config.tokenizer_is_path:
        return tokenizers.load(config.tokenizer)
    source = training if config.tokenizer == "bpe" else documents
    return tokenizers.build(config.tokenizer, source, config.vocab_size, special_tokens)
