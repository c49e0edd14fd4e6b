"""Fill-in-the-middle: next-token prediction on text whose middles were moved to the end.

    window of text      def f(x): return x + 1 E  import os ...
    half its documents  P def f( S return x + 1 M x):  E      import os ...
    targets             the same, one further

The loss is that of next tokens, at every position. So one model learns to write on from
what stands before, and to write what belongs between two sides.

A step takes the very windows that `NextToken` would take for the same seed, and cuts what
lies of each document within the window: were whole documents cut, a window shorter than
they are would hardly ever show a middle together with its sides. Each stretch is turned
back into text first, since the cuts go between characters (`minilm.objectives.middle`),
and again into tokens after. The marks make it a little longer than the window; what is too
much is left out at its outer ends.

Source: Bavarian et al., "Efficient training of language models to fill in the middle"
(2022): section 3.2 for cutting within the window, section 4 for the rates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.errors import MinilmError
from minilm.models.gpt import GPT
from minilm.objectives.batch import IGNORED, Batch
from minilm.objectives.config import FillInMiddleConfig
from minilm.objectives.holes import Hole, middle_metrics
from minilm.objectives.middle import Marks, cut, encode
from minilm.objectives.next_token import NextToken
from minilm.tokenizers.base import Tokenizer

__all__ = ["FillInMiddle", "stretches"]

# Of the evaluation's holes: apart from training's seed, so that runs are judged alike; and
# as many of them as give the mean two good digits.
HOLES_SEED = 0
MOST_HOLES = 1000
SHORTEST_BLOCK = 8


class FillInMiddle:
    """The objective over one stream of training tokens and one of validation tokens.

    Parameters
    ----------
    train_ids, val_ids : ndarray (N,) of int
    bytes_per_id : ndarray (V,) of int
        Bytes of text that each token stands for, to report bits per byte.
    tokenizer : Tokenizer
        The one that made the ids, with the special tokens of `FillInMiddleConfig`.
    config : FillInMiddleConfig
    batch_size, block_size : int
        B and T.
    seed : int
        With the step it determines the batch.
    estimate_windows : int
        Windows of the cheap evaluation, and holes of it.

    Raises
    ------
    MinilmError
        If a stream is shorter than one window, the tokenizer lacks a special token, or a
        window has no room for parts between the marks.
    """

    def __init__(
        self,
        train_ids: NDArray,
        val_ids: NDArray,
        bytes_per_id: NDArray,
        *,
        tokenizer: Tokenizer,
        config: FillInMiddleConfig,
        batch_size: int,
        block_size: int,
        seed: int,
        estimate_windows: int = 64,
    ) -> None:
        if block_size < SHORTEST_BLOCK:
            raise MinilmError(
                f"model.block_size = {block_size}: fill-in-the-middle needs {SHORTEST_BLOCK} at "
                "least, since marks take four places"
            )
        self.left_to_right = NextToken(
            train_ids,
            val_ids,
            bytes_per_id,
            batch_size=batch_size,
            block_size=block_size,
            seed=seed,
            estimate_windows=estimate_windows,
        )
        self.tokenizer = tokenizer
        self.marks = Marks.of(tokenizer)
        self.config = config

    def batch(self, step: int) -> Batch:
        """The batch of a step: a function of (seed, step) and nothing else."""
        plain = self.left_to_right.batch(step)
        generator = rng.generator(self.left_to_right.seed, step, "middles")
        windows = np.concatenate([plain.inputs, plain.targets[:, -1:]], axis=1)
        rows = np.stack([self._rearranged(window, generator) for window in windows])
        inputs = np.where(rows == IGNORED, self.marks.end, rows)
        return Batch(inputs[:, :-1], rows[:, 1:], plain.key)

    def _rearranged(self, window: NDArray, generator: np.random.Generator) -> NDArray:
        """The window with some of its documents rearranged, of the same length.

        It is filled up with `IGNORED` where characters were left out that the window has
        but a part of.
        """
        row = np.full(len(window), IGNORED, np.int64)
        length = 0
        for piece in stretches(window, self.marks.end):
            if generator.random() < self.config.rate:
                piece = self._arranged(piece, len(row) - length, generator)
            piece = piece[: len(row) - length]
            row[length : length + len(piece)] = piece
            length += len(piece)
        return row

    def _arranged(self, piece: NDArray, room: int, generator: np.random.Generator) -> NDArray:
        text = _text(piece[piece != self.marks.end], self.tokenizer)
        suffix_first = generator.random() < self.config.suffix_first
        parts = encode(cut(text, generator), self.tokenizer)
        return parts.fitted(room - len(self.marks)).arranged(self.marks, suffix_first=suffix_first)

    def loss_and_gradients(self, model: GPT, batch: Batch, normalizer: float) -> float:
        """Forward, loss and backward, as of next tokens; adds into the gradients."""
        return self.left_to_right.loss_and_gradients(model, batch, normalizer)

    def evaluate(self, model: GPT, *, whole: bool = True) -> dict[str, float]:
        """The losses on validation text, without dropout.

        Returns
        -------
        dict
            ``val_loss`` in nats per token and ``val_bpb`` in bits per byte of the text as it
            stands, from left to right; ``val_middle_loss`` and ``val_middle_bpb`` of middles
            given both sides, and ``val_middle_prefix_bpb`` of the same given the prefix only,
            where there are any.
        """
        metrics = self.left_to_right.evaluate(model, whole=whole)
        return metrics | middle_metrics(
            model, self.holes(whole=whole), self.tokenizer, self.left_to_right.batch_size
        )

    def holes(self, *, whole: bool = True) -> list[Hole]:
        """A cut in the longest stretch of each validation window, the same in every run.

        Of many windows an even selection is taken, of few if not `whole`.
        """
        T, ids = self.left_to_right.block_size, self.left_to_right.val_ids
        # So much shorter that the marks fit, and the tokens that a cut makes two of.
        length = max(1, T - 2 * len(self.marks))
        starts = np.arange(0, max(1, len(ids) - length), T)
        most = MOST_HOLES if whole else self.left_to_right.estimate_windows
        if len(starts) > most:
            starts = starts[np.linspace(0, len(starts) - 1, most).astype(int)]
        found = []
        for start in starts.tolist():
            window = np.asarray(ids[start : start + length]).astype(np.int64)
            piece = max(stretches(window, self.marks.end), key=len)
            text = _text(piece[piece != self.marks.end], self.tokenizer)
            parts = cut(text, rng.generator(HOLES_SEED, start, "holes"))
            found.append(Hole.of(parts, self.tokenizer, T - len(self.marks)))
        return found


def stretches(window: NDArray, end: int) -> list[NDArray]:
    """What a window has of each document, with the end-of-text token that closes it.

    Examples
    --------
    >>> [piece.tolist() for piece in stretches(np.array([5, 6, 0, 7, 0, 8]), end=0)]
    [[5, 6, 0], [7, 0], [8]]
    """
    pieces = np.split(window, np.flatnonzero(window == end) + 1)
    return [piece for piece in pieces if len(piece)]


def _text(ids: NDArray, tokenizer: Tokenizer) -> str:
    """The text of tokens, without the parts of characters that it may begin and end with."""
    return tokenizer.decode_bytes(ids).decode("utf-8", "ignore")
