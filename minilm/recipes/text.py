"""From a recipe's `[data]` to the two token streams that a run learns and is judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minilm import corpus, tokenizers
from minilm.corpus import Document, TokenStream
from minilm.errors import MinilmError
from minilm.objectives.next_token import NextToken
from minilm.recipes.recipe import DataConfig, Recipe
from minilm.tokenizers import Tokenizer

__all__ = ["Text", "objective", "prepare"]


@dataclass(frozen=True)
class Text:
    """Both sides of a split, encoded.

    Attributes
    ----------
    bytes_per_id : ndarray (V,) of int
        Bytes of text that a token stands for; 0 for special tokens.
    digest : str
        SHA-256 of the documents before the split.
    """

    train: TokenStream
    validation: TokenStream
    tokenizer: Tokenizer
    bytes_per_id: NDArray
    digest: str


def prepare(
    config: DataConfig, recipe: str, seed: int = 0, tokenizer: Tokenizer | None = None
) -> Text:
    """Read, split and encode.

    Parameters
    ----------
    tokenizer : Tokenizer, optional
        Take this one, as a run that goes on does, and not the one that `config` names.

    Raises
    ------
    MinilmError
        If the text is missing, unreadable, too short to split, or not that of `sha256`.
    """
    if not config.source:
        raise MinilmError(
            f"the recipe {recipe} comes without a text; name one with --data FILE or --data FOLDER"
        )
    documents = corpus.load(config.source)
    digest = corpus.digest(documents)
    if config.sha256 not in ("", digest):
        raise MinilmError(
            f"the text of {config.source} is not the one that data.sha256 names: "
            f"{digest[:12]}, not {config.sha256[:12]}; restore it, or start a new run"
        )
    training, validation = corpus.split(documents, config.split, config.validation, seed)
    tokenizer = tokenizer or _tokenizer(config, documents, training)
    sizes = [len(tokenizer.token_bytes(i)) for i in range(tokenizer.vocab_size)]
    for special in tokenizer.special_tokens.values():
        sizes[special] = 0
    return Text(
        corpus.encode(training, tokenizer),
        corpus.encode(validation, tokenizer),
        tokenizer,
        np.array(sizes),
        digest,
    )


def _tokenizer(
    config: DataConfig, documents: list[Document], training: list[Document]
) -> Tokenizer:
    """The one that the recipe names. Merges are learned from the training side alone, or the
    validation text would have a part in what its bits per byte are measured with; characters
    from both, or it could not be encoded."""
    if config.tokenizer_is_path:
        return tokenizers.load(config.tokenizer)
    source = training if config.tokenizer == "bpe" else documents
    return tokenizers.build(config.tokenizer, source, config.vocab_size)


def objective(recipe: Recipe, text: Text) -> NextToken:
    """The recipe's pretext task on this text; refuses one shorter than a window."""
    return NextToken(
        text.train.ids,
        text.validation.ids,
        text.bytes_per_id,
        batch_size=recipe.training.batch_size,
        block_size=recipe.model.block_size,
        seed=recipe.seed,
        estimate_windows=recipe.training.estimate_windows,
    )
