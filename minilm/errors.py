"""One exception for everything a user can get wrong.

The message is one line: what was wrong, where (file, byte, parameter name, step),
and what to do about it. The command line prints that line and exits 2; any other
exception is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["MinilmError", "did_you_mean"]


class MinilmError(Exception):
    """A mistake in the input, the configuration or the machine's state, in one line.

    Line breaks and other control characters, which file names and prompts may bring
    along, are escaped.

    Examples
    --------
    >>> print(MinilmError("no file one\\ntwo"))
    no file one\\ntwo
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in message))


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """The nearest choice as the end of a sentence, or the list when none is near.

    Examples
    --------
    >>> did_you_mean("learning_rte", ["learning_rate", "steps"])
    "; did you mean 'learning_rate'?"
    >>> did_you_mean("zzz", ["b", "a"])
    '; choose from a, b'
    """
    choices = sorted(choices)
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; choose from {', '.join(choices)}"
