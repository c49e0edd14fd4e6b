"""Docstrings as reStructuredText.

Those of this library are written to be read in the source: plain text, formulas in indented
blocks, names in single backticks, and numpydoc's sections. In reStructuredText an indented block
would be a quotation with its lines run together, a `*` or `_` markup, and a mistake a warning.
So nothing but the forms listed here is markup, and every other character stands for itself:

    a blank line, then indented lines    shown as they are
    - item, 1. item                      lists
    >>> ...                              an example
    `name`, ``code``                     a link where the name has a page; code
    Title with dashes below it           a heading; Parameters, Raises and so on hold entries
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterator
from itertools import pairwise

ENTRIES = {"Parameters", "Attributes", "Returns", "Yields", "Raises"}
ITEM = re.compile(r"(?P<marker>-|\d+\.)(?P<space> +)")
SPAN = re.compile(r"``(?P<code>.+?)``|`(?P<name>[^`]+)`", re.DOTALL)
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*(\(\))?")
# At the beginning of a line: directives, rules, lists, fields, examples, enumerations.
SPECIAL = re.compile(
    r"^(?=\.\. |\+|=|-|#|:|>>>|\(?(?:\d+|[a-zA-Z]|[ivxlcdmIVXLCDM]+)[.)](?:\s|$))", re.MULTILINE
)


def inline(text: str, plain: Collection[str] = ()) -> str:
    """Running text; the names in `plain` (parameters, say) are code, not links."""
    out, end = "", 0
    for match in SPAN.finditer(text):
        out += _escaped(text[end : match.start()])
        code = " ".join((match["code"] or match["name"]).split())
        is_link = match["name"] and NAME.fullmatch(code) and code not in plain
        # Markup needs a gap on both sides; an escaped blank is one, and is not seen.
        out += "" if not out or out[-1].isspace() else "\\ "
        out += f":py:obj:`{code}`" if is_link else f"``{code}``"
        end = match.end()
        out += "" if text[end : end + 1].strip() == "" else "\\ "
    return out + _escaped(text[end:])


def _escaped(text: str) -> str:
    text = re.sub(r"([\\*_|`])", r"\\\1", text).replace("::", ":\\:")
    return re.sub(
        r"(?m)^(?=\.\. |\+|=|-|#|:|>>>|\(?(?:\d+|[a-zA-Z]|[ivxlcdmIVXLCDM]+)[.)](?:\s|$))",
        r"\\",
        text,
    )


def to_rst(lines: list[str], plain: Collection[str] = ()) -> list[str]:
    """The lines of a docstring, without its indentation, as reStructuredText."""
    out: list[str] = []
    for title, body in _sections(lines):
        if title:
            out += [f".. rubric:: {inline(title)}", ""]
        render = _entries if title in ENTRIES else _text
        out += [*render(body, plain), ""]
    return out


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    heads = [i for i in range(1, len(lines)) if re.fullmatch("-{3,}", lines[i]) and lines[i - 1]]
    starts = [*(i - 1 for i in heads), len(lines)]
    yield "", lines[: starts[0]]
    for start, end in pairwise(starts):
        yield lines[start], lines[start + 2 : end]


def _text(lines: list[str], plain: Collection[str]) -> list[str]:
    out: list[str] = []
    for block in _paragraphs(lines):
        if block[0].startswith(" "):
            out += code(block)
        elif block[0].startswith(">>>"):
            out += block
        elif ITEM.match(block[0]):
            out += _list(block, plain)
        else:
            out += inline("\n".join(line.strip() for line in block), plain).splitlines()
        out.append("")
    return out


def code(block: list[str]) -> list[str]:
    """An indented block: coloured if it is Python, and not the mathematics of a formula."""
    code = textwrap.dedent("\n".join(block))
    try:
        ast.parse(code)
        language = "python"
    except SyntaxError:
        language = "text"
    return [f".. code-block:: {language}", "", *textwrap.indent(code, "    ").split("\n")]


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    """Blocks between blank lines; a list may also follow a line of text at once."""
    block: list[str] = []
    for line in [*lines, ""]:
        indented = block and block[0].startswith(" ")
        if indented and (not line or line.startswith(" ")):
            block.append(line)  # an indented block goes on over blank lines
            continue
        begins_list = line.startswith("- ") and not ITEM.match(block[0]) if block else False
        if block and (not line or indented or begins_list):
            yield _stripped(block)
            block = []
        if line:
            block.append(line)
    if block:
        yield _stripped(block)


def _stripped(block: list[str]) -> list[str]:
    return "\n".join(block).rstrip().splitlines()


def _list(block: list[str], plain: Collection[str]) -> list[str]:
    items: list[list[str]] = []
    for line in block:
        if ITEM.match(line):
            items.append([line])
        else:
            items[-1].append(line.strip())
    out = []
    for item in items:
        match = ITEM.match(item[0])
        assert match is not None
        first = re.sub(r"(?<=`) {2,}", ": ", item[0][match.end() :])
        text = inline("\n".join([first, *item[1:]]), plain).splitlines()
        width = match.end()
        out += [item[0][:width] + text[0], *(" " * width + line for line in text[1:])]
    return out


def _entries(lines: list[str], plain: Collection[str]) -> list[str]:
    """A definition list of ``name : type`` with indented descriptions.

    Where the text behind the colons is the description itself, it is shown as one.
    """
    entries: list[tuple[str, str, list[str]]] = []
    for line in lines:
        if line and not line.startswith(" "):
            name, _, kind = line.partition(" : ")
            entries.append((name.strip(), kind.strip(), []))
        elif entries:
            entries[-1][2].append(line)
    bodies = [body[0].strip() for _, _, body in entries if body and body[0]]
    is_prose = not any(re.match(r"[^a-z\s]", body) for body in bodies)
    is_prose &= any(len(kind.split()) > 4 for _, kind, _ in entries)
    out: list[str] = []
    for name, kind, body in entries:
        described = textwrap.dedent("\n".join(body)).strip("\n").splitlines()
        if is_prose:
            kind, described = "", [kind, *described]
        out += definition(name, kind, _text(described, plain))
    return out


def definition(name: str, kind: str, body: list[str]) -> list[str]:
    """An entry of a definition list; `body` is reStructuredText."""
    names = ", ".join(f"``{part.strip()}``" for part in name.split(","))
    head = names + (f" : {inline(kind).strip()}" if kind else "")
    return [head, *(f"    {line}" for line in (body if any(body) else [".."]))]
