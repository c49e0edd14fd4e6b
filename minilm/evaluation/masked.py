"""A trained model with its tokenizer, for the gaps of a text: what may stand in them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minilm.backend import ops
from minilm.errors import MinilmError
from minilm.models.model import Model
from minilm.tokenizers import Tokenizer

__all__ = ["Gap", "Guess", "Masked"]

# BERT's name for the token, and RoBERTa's.
MASKS = ("[MASK]", "<mask>")


class Guess(NamedTuple):
    """A token that may stand in a gap.

    Attributes
    ----------
    token : str
        Its text.
    id : int
    probability : float
    """

    token: str
    id: int
    probability: float


class Gap(NamedTuple):
    """A mask of the text, and the likeliest tokens for it, best first.

    Attributes
    ----------
    position : int
        Of the mask among the tokens.
    """

    position: int
    guesses: list[Guess]


class Masked:
    """What `minilm.load_masked` returns.

    Attributes
    ----------
    model : Model
        Sees both sides, and has a head.
    tokenizer : Tokenizer
        With a special token "[MASK]" or "<mask>".
    step : int
        Of the checkpoint.
    mask : str
        The name of that token. Where a word's token has the space before it, as in byte-level
        BPE, a space before the mask is part of the gap.

    Raises
    ------
    MinilmError
        If the model is causal or has no head, or the tokenizer no mask token.
    """

    def __init__(
        self, model: Model, tokenizer: Tokenizer, step: int = 0, where: str = "this run"
    ) -> None:
        if model.causal:
            raise MinilmError(
                f"{where} holds a causal model, which sees only what stands before a gap; use "
                "minilm sample, or train one that fills gaps: minilm pretrain bert-docs"
            )
        if model.head is None:
            raise MinilmError(f"{where} has no head that predicts tokens, only features")
        found = [name for name in MASKS if name in tokenizer.special_tokens]
        if not found:
            raise MinilmError(
                f"the tokenizer of {where} has no mask token ({' or '.join(MASKS)}): it was not "
                "made for filling gaps"
            )
        self.model = model
        self.tokenizer = tokenizer
        self.step = step
        self.mask = found[0]
        # Their tokens begin with the space before a word, so that goes into the gap as well.
        self._gap = f" {self.mask}" if tokenizer.kind in ("bpe", "huggingface") else self.mask

    def fill(self, text: str, *, top: int = 5) -> list[Gap]:
        """The likeliest tokens for each mask of a text; all masks are seen as unknown.

        Parameters
        ----------
        text : str
            With the mask token's name at least once, such as "The [MASK] of the loop".
        top : int
            How many tokens for each.

        Raises
        ------
        MinilmError
            If the text has no mask, is longer than the model's context, or has a
            character that the tokenizer lacks.
        """
        if top < 1:
            raise MinilmError(f"top is {top}; choose a whole number from 1 up")
        ids = self._encoded(text)
        positions = np.flatnonzero(ids == self.tokenizer.special_tokens[self.mask])
        probabilities = self._probabilities(ids, positions)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        return [
            Gap(
                int(position),
                [Guess(self.tokenizer.decode([i]), int(i), float(row[i])) for i in best],
            )
            for position, best, row in zip(positions, order, probabilities, strict=True)
        ]

    def complete(self, text: str) -> str:
        """The text with the likeliest token in each gap, each by itself."""
        parts = text.replace(self._gap, self.mask).split(self.mask)
        filled = [gap.guesses[0].token for gap in self.fill(text, top=1)]
        whole = "".join(part + token for part, token in zip(parts, [*filled, ""], strict=True))
        begins_with_word = self._gap != self.mask and text.startswith(self.mask)
        return whole.removeprefix(" ") if begins_with_word else whole

    def _probabilities(self, ids: NDArray, positions: NDArray) -> NDArray:
        """(M, V), of every token in each of M gaps; special tokens stand in none."""
        x = self.model.features(ids[None])[0]
        logits, _ = self.model.head.forward(x[0, positions])
        logits[:, list(self.tokenizer.special_tokens.values())] = -np.inf
        p, _ = ops.softmax.forward(logits)
        return p

    def _encoded(self, text: str) -> NDArray:
        """The ids (T,), with the mask token where its name stands."""
        if self.mask not in text:
            raise MinilmError(
                f"there is no {self.mask} in the text: write it where a token is to be filled in"
            )
        mask = self.tokenizer.special_tokens[self.mask]
        ids = self.tokenizer.encode_whole(text).astype(np.int64)
        if np.count_nonzero(ids == mask) != text.count(self.mask):
            # Ours take the name of a special token for plain text.
            pieces: list[NDArray] = []
            for part in text.replace(self._gap, self.mask).split(self.mask):
                pieces += [self.tokenizer.encode(part).astype(np.int64), np.array([mask])]
            ids = np.concatenate(pieces[:-1])
        block_size = self.model.config.block_size
        if len(ids) > block_size:
            raise MinilmError(
                f"the text has {len(ids)} tokens and the model's context is {block_size}: "
                "shorten it"
            )
        return ids
