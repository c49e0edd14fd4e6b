"""A trained model with its tokenizer as an encoder: texts in, vectors out."""

from __future__ import annotations

from collections.abc import Sequence

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
    """

    def __init__(self, model: Model, tokenizer: Tokenizer, step: int = 0) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.step = step

    def embed(
        self, texts: Sequence[str], *, batch_size: int = 32, normalize: bool = True
    ) -> NDArray:
        """Vectors (N, C) of N texts: the mean of the features of their tokens.

        A text longer than the model's context counts with its beginning only.

        Parameters
        ----------
        texts : sequence of str
        batch_size : int
            Texts that run through the model together.
        normalize : bool
            Whether the vectors have length 1, so that scalar products are cosines.

        Raises
        ------
        MinilmError
            If a text has a character that the tokenizer lacks.
        """
        block_size = self.model.config.block_size
        sequences = [self._cut(self.tokenizer.encode_whole(text), block_size) for text in texts]
        return sentence_vectors(self.model, sequences, batch_size=batch_size, normalize=normalize)

    @staticmethod
    def _cut(ids: NDArray, length: int) -> NDArray:
        """The first `length` ids; the last of them stays, since it may close the sequence."""
        if len(ids) <= length:
            return ids
        cut = ids[:length].copy()
        cut[-1] = ids[-1]
        return cut
