r"""White space made regular: what differs between systems and editors, but not in meaning.

Lines end in "\n" alone, without spaces before it. Spaces of other kinds (no-break, thin,
ideographic) become plain ones; tabs stay, since they may be indentation. Blank lines at the
ends go, and more than `blank_lines` of them in a row.
"""

from __future__ import annotations

import re
from functools import partial

from minilm.corpus.cleaning.rule import cleaner
from minilm.corpus.pipeline import Rule
from minilm.errors import MinilmError

__all__ = ["white_space"]

_LINE_END = re.compile("\r\n?|[\u2028\u2029]")
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_RUN = re.compile("(?: [ \t]|\t)[ \t]*")
_BLANK = re.compile("\n{2,}")


def white_space(within_lines: bool = True, blank_lines: int = 1) -> Rule:
    r"""Regular line ends, spaces and blank lines.

    Parameters
    ----------
    within_lines : bool
        Also make one space of several within a line. Indentation stays in any case; turn this
        off for code and tables, where spaces align columns.
    blank_lines : int
        How many may follow each other.

    Examples
    --------
    >>> from minilm.corpus.documents import Document
    >>> document = Document("a", "\n if  x: \r\n\tgo\u00a0on\n\n\n\nend\n\n", "here")
    >>> white_space()(document).text
    ' if x:\n\tgo on\n\nend\n'
    """
    if blank_lines < 0:
        raise MinilmError(f"white_space: blank_lines = {blank_lines}: must be 0 or more")
    regular = partial(_regular, within_lines=within_lines, blank_lines=blank_lines)
    return cleaner("white_space", regular)


def _regular(text: str, within_lines: bool, blank_lines: int) -> str:
    if not text.isascii():
        text = _SPACE.sub(" ", text)
    if "\r" in text or not text.isascii():
        text = _LINE_END.sub("\n", text)
    text = text.rstrip(" \t")
    ends_line = text.endswith("\n")
    if " \n" in text or "\t\n" in text:
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    if within_lines:
        text = _RUN.sub(_one_space, text)
    most = "\n" * (blank_lines + 1)
    if most + "\n" in text:
        text = _BLANK.sub(lambda match: most if len(match[0]) > len(most) else match[0], text)
    text = text.strip("\n")
    return text + "\n" if ends_line and text else text


def _one_space(match: re.Match[str]) -> str:
    start = match.start()
    is_indentation = start == 0 or match.string[start - 1] == "\n"
    return match[0] if is_indentation else " "
