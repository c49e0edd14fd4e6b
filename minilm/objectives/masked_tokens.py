"""Masked tokens: a text labels itself by what is hidden from the reader.

    window     the cat sat on the mat
    inputs     the cat [M] on the dog        some tokens hidden, or replaced
    targets     -   -  sat  -  -  mat        only these are predicted

The model sees both sides of what it predicts, so it can be no language model that writes; but
each feature of it has read the whole sequence. Of the chosen tokens a part is replaced or left,
since a model that is fine-tuned sees no mask token and has to have features for real ones.

Only the features of the chosen positions go through the head. On validation text every chosen
token is hidden, so that what is measured is what the other tokens tell.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding" (2019), section 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.errors import MinilmError
from minilm.models.model import Model
from minilm.objectives.batch import IGNORED, Batch
from minilm.objectives.config import MASK, MaskedTokensConfig
from minilm.objectives.masking import Alphabet, hide
from minilm.objectives.token_loss import loss_and_gradient, scores
from minilm.tokenizers import Tokenizer

__all__ = ["MaskedTokens"]


class MaskedTokens:
    """The objective over one stream of training tokens and one of validation tokens.

    Parameters
    ----------
    train_ids, val_ids : ndarray (N,) of int
    tokenizer : Tokenizer
        Has the special token "[MASK]".
    config : MaskedTokensConfig
    batch_size, block_size : int
        B and T.
    seed : int
        With the step it determines the batch and what is hidden in it: windows start
        anywhere, with replacement.
    estimate_windows : int
        Windows of the cheap evaluation, spread evenly over the validation stream.

    Raises
    ------
    MinilmError
        If a stream is too short.
    """

    def __init__(
        self,
        train_ids: NDArray,
        val_ids: NDArray,
        tokenizer: Tokenizer,
        config: MaskedTokensConfig,
        *,
        batch_size: int,
        block_size: int,
        seed: int,
        estimate_windows: int = 64,
    ) -> None:
        if len(train_ids) < block_size:
            raise MinilmError(
                f"the training text has {len(train_ids)} tokens, but one window needs "
                f"model.block_size = {block_size}: use more text or a shorter block"
            )
        if len(val_ids) < 2:
            raise MinilmError(
                f"the validation text has {len(val_ids)} tokens; at least 2 are needed: "
                "use more text or a larger data.validation"
            )
        self.train_ids = train_ids
        self.val_ids = val_ids
        self.alphabet = Alphabet.of(tokenizer, MASK)
        self.config = config
        self.batch_size = batch_size
        self.block_size = block_size
        self.seed = seed
        self.estimate_windows = estimate_windows

    def batch(self, step: int) -> Batch:
        """The batch of a step: a function of (seed, step) and nothing else."""
        T = self.block_size
        generator = rng.generator(self.seed, step, "windows")
        starts = generator.integers(0, len(self.train_ids) - T + 1, size=self.batch_size)
        windows = self.train_ids[starts[:, None] + np.arange(T)].astype(np.int64)
        masks = rng.generator(self.seed, step, "masks")
        inputs, targets = hide(windows, self.alphabet, self.config, masks)
        return Batch(inputs, targets, rng.key(self.seed, step, "dropout"))

    def loss_and_gradients(self, model: Model, batch: Batch, normalizer: float) -> float:
        """Forward, loss and backward; adds into the model's gradients.

        Returns the sum of the losses over `normalizer`: with the number of targets of
        the whole batch, parts of it add up to its mean loss, in nats per hidden token.
        """
        x, saved = model.features(batch.inputs, key=batch.key)
        loss, dx = loss_and_gradient(
            model.head,
            x,
            batch.targets,
            vocab_size=model.config.vocab_size,
            normalizer=normalizer,
        )
        model.features_backward(dx, saved)
        return loss

    def evaluate(self, model: Model, *, whole: bool = True) -> dict[str, float]:
        """The loss on hidden tokens of validation text, without dropout.

        What is hidden depends on the seed and the place in the text alone, so that any two
        evaluations compare. `whole=False` takes an even selection of windows.

        Returns
        -------
        dict
            ``val_loss`` in nats per hidden token, and ``val_accuracy``, the share of them
            to which the model gives the highest probability.
        """
        nats, hits, count = 0.0, 0, 0
        for inputs, targets in self.validation(whole=whole):
            x = model.features(inputs)[0]
            chosen = targets != IGNORED
            nll, right = scores(
                model.head, x[chosen], targets[chosen], vocab_size=model.config.vocab_size
            )
            nats += float(nll.sum(dtype=np.float64))
            hits += int(right.sum())
            count += len(nll)
        return {"val_loss": nats / max(1, count), "val_accuracy": hits / max(1, count)}

    def validation(self, *, whole: bool = True) -> Iterator[tuple[NDArray, NDArray]]:
        """Batches (inputs, targets) of validation text, which are the same each time.

        Windows follow one another without overlap; every chosen token is hidden.
        """
        T, n = self.block_size, len(self.val_ids)
        starts = np.arange(0, n, T)
        if not whole and len(starts) > self.estimate_windows:
            starts = starts[np.linspace(0, len(starts) - 1, self.estimate_windows).astype(int)]
        config = replace(self.config, mask=1.0, random=0.0)
        complete = starts[starts + T <= n]
        groups = [
            complete[i : i + self.batch_size] for i in range(0, len(complete), self.batch_size)
        ]
        if len(complete) < len(starts):
            groups.append(starts[-1:])
        for group in groups:
            rows = []
            for start in group:
                window = self.val_ids[start : start + T].astype(np.int64)
                masks = rng.generator(self.seed, int(start), "validation masks")
                rows.append(hide(window[None], self.alphabet, config, masks))
            inputs, targets = (np.concatenate(parts) for parts in zip(*rows, strict=True))
            yield inputs, targets
