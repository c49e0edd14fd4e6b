"""Next-token prediction: a text labels itself, each token by the one that follows.

    inputs     t h e   c a        a window of T tokens
    targets    h e   c a t        the same window, one further

One window of T + 1 tokens thus holds T labelled examples, each with a context of 1 to T
tokens, and the causal mask lets one forward pass learn from all of them.

A window usually holds the end of one document and the beginning of others. They may see each
other, and a model learns that what comes before an end of text tells nothing; or attention is
kept within each document, and every one is read as if it stood alone.

Source: Bengio et al., "A Neural Probabilistic Language Model" (2003); for transformers,
Radford et al. (2018).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.errors import MinilmError
from minilm.models.gpt import GPT
from minilm.objectives.batch import Batch
from minilm.objectives.token_loss import loss_and_gradient, negative_log_likelihood

__all__ = ["NextToken", "document_starts"]


class NextToken:
    """The objective over one stream of training tokens and one of validation tokens.

    Parameters
    ----------
    train_ids, val_ids : ndarray (N,) of int
    bytes_per_id : ndarray (V,) of int
        Bytes of text that each token stands for, to report bits per byte.
    batch_size, block_size : int
        B and T.
    seed : int
        With the step it determines the batch: windows start anywhere, with replacement.
    estimate_windows : int
        Windows of the cheap evaluation, spread evenly over the validation stream.
    document_end : int, optional
        The token that ends a document; with it, attention is kept within each.

    Raises
    ------
    MinilmError
        If a stream is shorter than one window.
    """

    def __init__(
        self,
        train_ids: NDArray,
        val_ids: NDArray,
        bytes_per_id: NDArray,
        *,
        batch_size: int,
        block_size: int,
        seed: int,
        estimate_windows: int = 64,
        document_end: int | None = None,
    ) -> None:
        if len(train_ids) < block_size + 1:
            raise MinilmError(
                f"the training text has {len(train_ids)} tokens, but one window needs "
                f"model.block_size + 1 = {block_size + 1}: use more text or a shorter block"
            )
        if len(val_ids) < 2:
            raise MinilmError(
                f"the validation text has {len(val_ids)} tokens; at least 2 are needed: "
                "use more text or a larger data.validation"
            )
        self.train_ids = train_ids
        self.val_ids = val_ids
        self.bytes_per_id = bytes_per_id
        self.batch_size = batch_size
        self.block_size = block_size
        self.seed = seed
        self.estimate_windows = estimate_windows
        self.document_end = document_end

    def batch(self, step: int) -> Batch:
        """The batch of a step: a function of (seed, step) and nothing else."""
        T = self.block_size
        generator = rng.generator(self.seed, step, "windows")
        starts = generator.integers(0, len(self.train_ids) - T, size=self.batch_size)
        windows = self.train_ids[starts[:, None] + np.arange(T + 1)].astype(np.int64)
        return Batch(windows[:, :-1], windows[:, 1:], rng.key(self.seed, step, "dropout"))

    def loss_and_gradients(self, model: GPT, batch: Batch, normalizer: float) -> float:
        """Forward, loss and backward; adds into the model's gradients.

        Returns the sum of the losses over `normalizer`: with the number of targets of
        the whole batch, parts of it add up to its mean loss, in nats per token.
        """
        x, saved = model.features(batch.inputs, key=batch.key, starts=self._starts(batch.inputs))
        loss, dx = loss_and_gradient(
            model.head,
            x,
            batch.targets,
            vocab_size=model.config.vocab_size,
            normalizer=normalizer,
        )
        model.features_backward(dx, saved)
        return loss

    def evaluate(self, model: GPT, *, whole: bool = True) -> dict[str, float]:
        """The loss on validation text, without dropout.

        Windows follow one another without overlap, so each token but the first is scored
        once, with the context that its window gives it. `whole=False` takes an even
        selection of `estimate_windows` windows.

        Returns
        -------
        dict
            ``val_loss`` in nats per token and ``val_bpb`` in bits per byte of text.
        """
        T = self.block_size
        starts = np.arange(0, len(self.val_ids) - 1, T)
        if not whole and len(starts) > self.estimate_windows:
            starts = starts[np.linspace(0, len(starts) - 1, self.estimate_windows).astype(int)]
        nats, n_tokens, n_bytes = 0.0, 0, 0
        complete = starts[starts + T < len(self.val_ids)]
        groups = [
            complete[i : i + self.batch_size] for i in range(0, len(complete), self.batch_size)
        ]
        if len(complete) < len(starts):
            groups.append(starts[-1:])
        for group in groups:
            length = min(T, len(self.val_ids) - 1 - int(group[-1]))
            windows = self.val_ids[group[:, None] + np.arange(length + 1)].astype(np.int64)
            # Not `x, _ =`, which would keep what backward needs until the next batch has its own.
            x = model.features(windows[:, :-1], starts=self._starts(windows[:, :-1]))[0]
            nll = negative_log_likelihood(
                model.head, x, windows[:, 1:], vocab_size=model.config.vocab_size
            )
            nats += float(nll.sum(dtype=np.float64))
            n_tokens += nll.size
            n_bytes += int(self.bytes_per_id[windows[:, 1:]].sum())
        return {
            "val_loss": nats / n_tokens,
            "val_bpb": nats / math.log(2) / max(1, n_bytes),
        }

    def _starts(self, tokens: NDArray) -> NDArray | None:
        """From where on each token sees its window, for `GPT.features`; None: all of it."""
        return None if self.document_end is None else document_starts(tokens, self.document_end)


def document_starts(tokens: NDArray, end: int) -> NDArray[np.int64]:
    """Where in its row each token's document starts (B, T).

    Parameters
    ----------
    tokens : ndarray (B, T) of int
        A document may begin before the row does; it then starts at 0.
    end : int
        The last token of each document.

    Examples
    --------
    >>> document_starts(np.array([[5, 7, 0, 8, 0, 9]]), end=0).tolist()
    [[0, 0, 0, 3, 3, 5]]
    """
    begins = np.zeros(tokens.shape, np.int64)
    rows, columns = np.nonzero(tokens[:, :-1] == end)
    begins[rows, columns + 1] = columns + 1
    found: NDArray[np.int64] = np.maximum.accumulate(begins, axis=1)
    return found
