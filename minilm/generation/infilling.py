"""What belongs between two texts: a prompt of both, and the middle as it is written.

    P  S suffix  M prefix -> middle, until the end-of-text token

P, S and M are the special tokens of a model that was trained to fill in the middle
(`minilm.objectives.middle`). Of the two forms that it knows this is the one with the suffix
first: the middle then follows its prefix, as in any text. The whole prompt has to stay in
sight, so the middle ends at the latest where the context does. Of sides that leave too little
room, the far ends go.
"""

from __future__ import annotations

from collections.abc import Iterator

from numpy.typing import NDArray

from minilm import rng
from minilm.errors import MinilmError
from minilm.generation.generate import generate
from minilm.generation.meeting import Meeting
from minilm.generation.pretrained import Pretrained
from minilm.objectives.middle import Cut, Marks, Parts, encode
from minilm.tokenizers import StreamDecoder

__all__ = ["fill", "fitted_sides"]


def fill(
    model: Pretrained,
    prefix: str,
    suffix: str,
    *,
    max_tokens: int = 300,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> Iterator[str]:
    """Yield what belongs between `prefix` and `suffix`, never half a character.

    It ends where the model says so, by the end-of-text token, or else where it most probably
    meets the suffix: see `minilm.generation.meeting`. That is known only when more has been
    written, up to `max_tokens` tokens or the end of the context, so it is yielded as a whole.
    Without a suffix it comes piece by piece.

    Parameters
    ----------
    model : Pretrained
        Trained with the objective fill_in_middle.
    prefix, suffix : str
        Either may be empty.
    temperature, top_k, top_p, seed
        As in `Pretrained.stream`.

    Raises
    ------
    MinilmError
        If the model's tokenizer lacks the special tokens, a text has a character unknown to
        it, or an option is out of range.
    """
    if max_tokens < 0:
        raise MinilmError(f"max_tokens is {max_tokens}; choose a number from 0 up")
    marks = Marks.of(model.tokenizer)
    whole = encode(Cut(prefix, "", suffix), model.tokenizer)
    room = model.model.config.block_size - (len(marks) - 1)
    if room < 1:
        raise MinilmError(
            f"the model's context of {model.model.config.block_size} tokens has no room for "
            f"the {len(marks) - 1} marks of a hole"
        )
    parts = fitted_sides(whole, room, max_tokens)
    if parts is not whole:
        model.notes.append(
            f"prefix and suffix have {len(whole.prefix)} and {len(whole.suffix)} tokens and the "
            f"context {model.model.config.block_size}: the model sees the last "
            f"{len(parts.prefix)} and the first {len(parts.suffix)}"
        )
    prompt = parts.arranged(marks, suffix_first=True)[:-1]
    # A forward pass over the whole context predicts one token more.
    most = min(max_tokens, room - len(parts.prefix) - len(parts.suffix) + 1)
    tokens = generate(
        model.model,
        prompt,
        rng=rng.generator(seed, 0, "fill"),
        max_tokens=most,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )
    if not suffix:
        return _streamed(model, tokens, marks.end)
    return _met(model, tokens, marks.end, Meeting(model, prefix, suffix), most)


def fitted_sides(parts: Parts, room: int, wanted: int) -> Parts:
    """The sides, so that `wanted` tokens of middle, but no more than a third of the room for
    all three, find place beside them; what is too long loses its far end.

    Examples
    --------
    >>> import numpy as np
    >>> ids = np.arange(100)
    >>> parts = Parts(ids[:40], ids[:0], ids[:10])
    >>> [len(part) for part in fitted_sides(parts, room=45, wanted=300)]
    [20, 0, 10]
    """
    most = room - min(wanted, room // 3)
    n_prefix, n_suffix = len(parts.prefix), len(parts.suffix)
    if n_prefix + n_suffix <= most:
        return parts
    n_prefix = max(most - n_suffix, min(n_prefix, most - most // 2))
    n_suffix = most - n_prefix
    return Parts(_last(parts.prefix, n_prefix), parts.middle, parts.suffix[:n_suffix])


def _last(ids: NDArray, n: int) -> NDArray:
    return ids[len(ids) - n :]


def _streamed(model: Pretrained, tokens: Iterator[int], end: int) -> Iterator[str]:
    """The text of the tokens before `end`, piece by piece."""
    decoder = StreamDecoder(model.tokenizer)
    for token in tokens:
        if token == end:
            break
        if piece := decoder.feed([token]):
            yield piece
    if piece := decoder.flush():
        yield piece


def _met(
    model: Pretrained, tokens: Iterator[int], end: int, meeting: Meeting, most: int
) -> Iterator[str]:
    """The text of the tokens before `end`, or else of those before they meet the suffix."""
    decoder = StreamDecoder(model.tokenizer)
    for token in tokens:
        if token == end:
            yield meeting.written + decoder.flush()
            return
        piece = decoder.feed([token])
        if piece and meeting.feed(piece):
            break
    else:
        model.notes.append(
            f"no longer middle was tried (max_tokens {most}); allow more, or give shorter sides"
        )
    yield meeting.middle
