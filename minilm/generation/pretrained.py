"""A trained model with its tokenizer: text in, text out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from minilm import rng
from minilm.errors import MinilmError
from minilm.generation.generate import generate, window
from minilm.generation.half import keep_halves
from minilm.models.gpt import GPT
from minilm.tokenizers import StreamDecoder, Tokenizer

__all__ = ["Pretrained"]


class Pretrained:
    """What `minilm.load` returns.

    Attributes
    ----------
    model : GPT
    tokenizer : Tokenizer
    step : int
        Of the checkpoint.
    notes : list of str
        Remarks on what was done with unusual input; they gather as it happens.
    """

    def __init__(self, model: GPT, tokenizer: Tokenizer, step: int = 0) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.step = step
        self.notes: list[str] = []

    def half(self) -> Pretrained:
        """Read the weights in bfloat16 from now on: see `minilm.generation.half`. Returns itself.

        Raises
        ------
        MinilmError
            If the model is not of float32.
        """
        keep_halves(self.model)
        return self

    def stream(
        self,
        prompt: str = "",
        *,
        max_tokens: int = 300,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> Iterator[str]:
        """Yield the continuation of `prompt` piece by piece, never half a character.

        It ends after `max_tokens` tokens, or where the model ends the document.

        Parameters
        ----------
        prompt : str
            Empty: the model begins a document, or a line if it knows no documents.
        seed : int
            The same seed, prompt and options give the same text.

        Raises
        ------
        MinilmError
            If the prompt has a character unknown to the tokenizer, or an option is out
            of range.
        """
        if max_tokens < 0:
            raise MinilmError(f"max_tokens is {max_tokens}; choose a number from 0 up")
        ids = self._prompt_ids(prompt)
        self._note_window(len(ids), max_tokens)
        decoder = StreamDecoder(self.tokenizer)
        tokens = generate(
            self.model,
            ids,
            rng=rng.generator(seed, 0, "sample"),
            max_tokens=max_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        for token in tokens:
            if token == self.tokenizer.end_of_text:
                break
            if piece := decoder.feed([token]):
                yield piece
        if piece := decoder.flush():
            yield piece

    def generate(
        self,
        prompt: str = "",
        *,
        max_tokens: int = 300,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> str:
        """The continuation of `prompt` in one piece; see `stream`."""
        pieces = self.stream(
            prompt,
            max_tokens=max_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
        )
        return "".join(pieces)

    def _prompt_ids(self, prompt: str) -> NDArray:
        if prompt:
            return self.tokenizer.encode(prompt)
        if self.tokenizer.end_of_text is not None:
            return np.array([self.tokenizer.end_of_text])
        try:
            ids = self.tokenizer.encode("\n")
        except MinilmError:
            ids = np.zeros(1, np.int64)
        self.notes.append(f"the prompt is empty: starting after {self.tokenizer.decode(ids)!r}")
        return ids

    def _note_window(self, n_prompt: int, max_tokens: int) -> None:
        block_size = self.model.config.block_size
        first = window(n_prompt, block_size)
        if first:
            self.notes.append(
                f"the prompt has {n_prompt} tokens and the context {block_size}: "
                f"the model sees the last {n_prompt - first}"
            )
        if n_prompt + max_tokens - 1 > block_size:
            self.notes.append(
                f"the text outgrows the context of {block_size} tokens: whenever it is full, "
                f"the model goes on from the last {max(1, block_size // 2)}"
            )
