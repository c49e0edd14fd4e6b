"""Training pairs as lines: what the model sees in one colour, what it is to say in another.

    next token: 21 pairs of 22 tokens
       1  t → [h]
       2  th → [e]

Without colours the label stands in brackets, and a place that it is to fill between « and ».
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from typing import Literal, TextIO

from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from minilm.cli.formatting import printable
from minilm.cli.progress import is_live
from minilm.objectives.pairs import Labelled, Pair
from minilm.tokenizers import Tokenizer

__all__ = ["print_pairs", "shown"]

CONTEXT, LABEL, PLACE = "cyan", "black on #f9d8a8", "black on #bcd7f5"
TITLES = {
    "next_token": "next token: each token from those before it",
    "masked_tokens": "masked tokens: the hidden ones from all the others",
    "fill_in_middle": "fill-in-the-middle: next tokens, after the middle was moved to the end",
}
NARROWEST = 24


def shown(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    r"""Tokens as text on one line, with escapes for what cannot be shown.

    Examples
    --------
    >>> from minilm.tokenizers import BytesTokenizer
    >>> shown(BytesTokenizer(), [104, 105, 10, 195])
    'hi\\n\\xc3'
    """
    return printable(tokenizer.decode_bytes(ids).decode("utf-8", "backslashreplace"))


def print_pairs(
    labelled: Labelled,
    tokenizer: Tokenizer,
    losses: NDArray | None,
    first: int,
    stream: TextIO,
) -> None:
    """The first pairs, a line each; with a model's probability of each label, if there is one."""
    width = shutil.get_terminal_size().columns
    colours = is_live(stream) and "NO_COLOR" not in os.environ
    system: Literal["auto"] | None = "auto" if colours else None
    console = Console(file=stream, width=width, color_system=system, highlight=False, emoji=False)
    n = labelled.n_pairs
    title = f"{TITLES[labelled.objective]}: {n:,} pair{'s' * (n != 1)}"
    console.print(Text(title, "bold"), soft_wrap=True)
    digits = len(str(n))
    if losses is not None:
        console.print(Text(f"{'':{digits + 2}}  probability   nats", "dim"), soft_wrap=True)
    for number, pair in enumerate(labelled.pairs()):
        if number == first:
            console.print(Text(f"  ... and {n - first:,} more"), soft_wrap=True)
            break
        line = Text(f"  {number + 1:{digits}}  ")
        if losses is not None:
            p = f"{math.exp(-losses[number]):.1%}"
            line.append(f"{p:>11}  {losses[number]:5.2f}  ")
        line.append_text(_pair(pair, tokenizer, max(NARROWEST, width - len(line)), colours))
        console.print(line, soft_wrap=True)


def _share(loss: float) -> str:
    return f"{2.718281828459045**-loss:.1%}"


def _pair(pair: Pair, tokenizer: Tokenizer, width: int, colours: bool) -> Text:
    """Context, arrow, label; the context is cut where it is farthest from the label."""
    label = shown(tokenizer, [pair.label])
    label = label if colours else f"[{label}]"
    before, after = shown(tokenizer, pair.before.tolist()), shown(tokenizer, pair.after.tolist())
    here = "" if pair.input is None else shown(tokenizer, [pair.input])
    if pair.input is not None and not colours:
        here = f"«{here}»"
    room = max(8, width - cell_len(label) - cell_len(here) - 3)
    if cell_len(before) + cell_len(after) > room:
        right = min(cell_len(after), max(room // 2, room - cell_len(before)))
        before, after = _end(before, room - right), _beginning(after, right)
    line = Text()
    line.append(before, CONTEXT).append(here, PLACE).append(after, CONTEXT)
    return line.append(" → ").append(label, LABEL)


def _beginning(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip(" ") + "…"


def _end(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return "…" + set_cell_size(text[::-1], max(0, width - 1)).rstrip(" ")[::-1]
