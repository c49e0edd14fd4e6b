r"""How much of a text is repeated runs of words, in characters.

Two figures for runs of n words, both published with the filter of Gopher:

    top(n)         the characters of the most frequent run, with a blank between its words,
                   times how often it occurs; of equally frequent runs, the first in the text
    duplicates(n)  the characters, without blanks, of the runs that have occurred before:
                   a walk over the words goes on by n after such a run, else by one

    "a b a b a b c", n = 2:  top = 3 * 3 ("a b" three times)
                             duplicates = 4 (a b, b a, [a b], [a b], b c)

In `duplicates` runs are equal if they are without the blanks between words: "12 3" and "1 23"
are. The figures overlap and count overlaps, so that they may exceed the length of the text.

Source: Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training
Gopher", section A1.1 and table A1. The walk and the rule for ties, which the paper leaves
open, are those of the package datatrove, with which FineWeb was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["characters"]


def characters(
    codes: NDArray, starts: NDArray, ends: NDArray, tops: Sequence[int], duplicates: Sequence[int]
) -> NDArray[np.int64]:
    """top(n) for each n of `tops`, then duplicates(n) for each of `duplicates`.

    Parameters
    ----------
    codes : (n,) uint32
        The code points of a text.
    starts, ends : (w,) int64
        Where its words lie, as `words.split` returns them.

    Returns
    -------
    (len(tops) + len(duplicates),) int64

    Examples
    --------
    >>> codes = np.frombuffer("ababa c".encode("utf-32-le"), np.uint32)
    >>> starts = np.array([0, 1, 2, 3, 4, 6])
    >>> characters(codes, starts, starts + 1, [2], [2]).tolist()
    [6, 2]
    """
    text = "".join(map(chr, codes.tolist()))
    words = [text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    found = [_top(words, n) for n in tops] + [_duplicates(words, n) for n in duplicates]
    return np.array(found, np.int64)


def _top(words: list[str], n: int) -> int:
    runs = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    if not runs:
        return 0
    # The first of the most frequent: a dictionary keeps the order in which runs came.
    run, count = max(runs.items(), key=lambda item: item[1])
    return len(run) * count


def _duplicates(words: list[str], n: int) -> int:
    seen: set[str] = set()
    size, i = 0, 0
    while i <= len(words) - n:
        run = "".join(words[i : i + n])
        if run in seen:
            size += len(run)
            i += n
        else:
            seen.add(run)
            i += 1
    return size
