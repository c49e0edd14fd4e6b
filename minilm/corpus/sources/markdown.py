r"""Markdown to the text that a reader sees.

Headings, emphasis and links lose their marks, images leave their description, raw HTML and
the front matter go. Code stays as it is. A paragraph becomes one line, a row of a table too.
Parsed as CommonMark, with tables, by the package markdown-it-py (extra ``minilm[corpus]``).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from minilm.corpus import extra

__all__ = ["text_of"]

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n.*?^(?:---|\.\.\.)[ \t]*\r?$", re.M | re.S)


@cache
def _parser() -> Any:
    package = extra.load("markdown_it", "markdown-it-py", "corpus", "reading Markdown")
    return package.MarkdownIt("commonmark").enable("table")


def text_of(markdown: str) -> str:
    r"""The text of a Markdown document.

    Examples
    --------
    >>> print(text_of("# One *two*\n\nA [link](b.md)\nhere:\n\n- three\n  1. four\n"))
    One two
    <BLANKLINE>
    A link here:
    <BLANKLINE>
    - three
      1. four
    """
    blocks = _Blocks()
    for token in _parser().parse(_FRONT_MATTER.sub("", markdown)):
        blocks.take(token)
    return blocks.text()


class _Blocks:
    """Collects the blocks of a page; those of a tight list stand line below line."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bool]] = []
        self.depth = 0  # of lists
        self.marker = ""
        self.cells: list[str] = []
        self.is_tight = self.in_table = False

    def take(self, token: Any) -> None:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            self.depth += 1
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self.depth -= 1
        elif kind == "list_item_open":
            self.marker = f"{token.info}. " if token.info else "- "
        elif kind in ("paragraph_open", "heading_open"):
            self.is_tight = token.hidden
        elif kind in ("table_open", "table_close"):
            self.in_table = kind == "table_open"
        elif kind == "tr_close":
            self.add(" | ".join(self.cells), tight=True)
            self.cells = []
        elif kind == "inline" and self.in_table:
            self.cells.append(_inline(token.children))
        elif kind == "inline":
            self.add(_inline(token.children), tight=self.is_tight)
        elif kind in ("fence", "code_block"):
            self.add(token.content.rstrip("\n"), tight=False)

    def add(self, text: str, tight: bool) -> None:
        if self.depth:
            indent = "  " * (self.depth - 1)
            lines = text.split("\n")
            marker = self.marker or "  "
            text = "\n".join(
                f"{indent}{'  ' if i else marker}{line}" for i, line in enumerate(lines)
            )
        self.marker = ""
        if text.strip():
            self.found.append((text, tight))

    def text(self) -> str:
        pieces: list[str] = []
        was_tight = False
        for text, tight in self.found:
            if pieces:
                pieces.append("\n" if tight and was_tight else "\n\n")
            pieces.append(text)
            was_tight = tight
        return "".join(pieces)


def _inline(tokens: list[Any]) -> str:
    breaks = {"softbreak": " ", "hardbreak": "\n", "html_inline": ""}
    return "".join(breaks.get(token.type, token.content) for token in tokens)
