"""A trained model with its tokenizer as an encoder: texts in, vectors out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from numpy.typing import NDArray

from minilm.evaluation.embeddings import sentence_vectors
from minilm.models.model import Model
from minilm.tokenizers import Tokenizer

__all__ = ["Encoder"]


class Encoder:
    """What `minilm.load_encoder` returns.

    Attributes
    ----------
    model : Model
    tokenizer : Tokenizer
    step : int
        Of the checkpoint.
    notes : list of str
        Remarks on what was done with unusual input.
    """

    def __init__(self, model: Model, tokenizer: Tokenizer, step: int = 0) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.step = step
        self.notes: list[str] = []

    def embed(
        self,
        texts: Sequence[str],
        *,
        batch_size: int = 32,
        normalize: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> NDArray:
        """Vectors (N, C) of N texts: the mean of the features of their tokens.

        A text longer than the model's context counts with its beginning only; `notes` tells
        how many were.

        Parameters
        ----------
        texts : sequence of str
        batch_size : int
            Texts that run through the model together.
        normalize : bool
            Whether the vectors have length 1, so that scalar products are cosines.
        progress : callable, optional
            Told after each batch how many texts are done.

        Raises
        ------
        MinilmError
            If a text has a character that the tokenizer lacks.
        """
        block_size = self.model.config.block_size
        whole = [self.tokenizer.encode_whole(text) for text in texts]
        if n_cut := sum(len(ids) > block_size for ids in whole):
            self.notes.append(
                f"{n_cut} of {len(whole)} texts are longer than the context of {block_size} "
                "tokens: they count with their beginning only"
            )
        return sentence_vectors(
            self.model,
            [self._cut(ids, block_size) for ids in whole],
            batch_size=batch_size,
            normalize=normalize,
            progress=progress,
        )

    @staticmethod
    def _cut(ids: NDArray, length: int) -> NDArray:
        """The first `length` ids; the last of them stays, since it may close the sequence."""
        if len(ids) <= length:
            return ids
        cut = ids[:length].copy()
        cut[-1] = ids[-1]
        return cut
