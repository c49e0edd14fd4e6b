"""An embedded task with labels: which package of the standard library is this code from?

The sources come with CPython, so nothing is downloaded. A label is a package with enough
files (asyncio, email, json, ...), a document is a file, an example a passage of it: whole
lines, `SIZE` characters or a little more. Tests, which look alike everywhere, are left out.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TypeVar

from minilm.corpus.embedded import python_files, python_text
from minilm.errors import MinilmError
from minilm.evaluation.labelled import Example

__all__ = ["NAME", "examples", "passages"]

NAME = "packages"

SIZE = 400
FILES = 5  # at least so many for a package to count
PER_FILE = 4
PER_PACKAGE = 48

T = TypeVar("T")

_TESTS = frozenset({"test", "tests", "idle_test"})


def examples() -> list[Example]:
    """The passages, at most `PER_PACKAGE` of each package, sorted by package and file.

    Python 3.11 has 16 such packages; a distribution may have left some out.

    Raises
    ------
    MinilmError
        If this Python was installed without its sources.
    """
    files: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, path in python_files():
        parts = name.split("/")
        if len(parts) > 1 and not _TESTS & set(parts[:-1]):
            files[parts[0]].append((name, path))
    found: list[Example] = []
    for package, members in sorted(files.items()):
        pieces = [(name, passages(python_text(path))) for name, path in members]
        pieces = [(name, some) for name, some in pieces if some]
        if len(pieces) < FILES:
            continue
        per_file = min(PER_FILE, -(-PER_PACKAGE // len(pieces)))
        own = [
            Example(text, package, name)
            for name, some in pieces
            for text in _spread(some, per_file)
        ]
        found += _spread(own, PER_PACKAGE)
    if not found:
        raise MinilmError("this Python has no package of several files to take passages from")
    return found


def passages(text: str, size: int = SIZE) -> list[str]:
    r"""Cut a text into runs of whole lines of at least `size` characters; a short rest is dropped.

    Examples
    --------
    >>> passages("one\ntwo\nthree\nfour\n", size=6)
    ['one\ntwo\n', 'three\n']
    """
    found, lines, length = [], [], 0
    for line in text.splitlines(keepends=True):
        lines.append(line)
        length += len(line)
        if length >= size:
            found.append("".join(lines))
            lines, length = [], 0
    return found


def _spread(items: list[T], n: int) -> list[T]:
    """At most `n` of them, at even distances."""
    if len(items) <= n:
        return items
    return [items[(2 * i + 1) * len(items) // (2 * n)] for i in range(n)]
