"""Renews what the pages derive from the code, so that they cannot go stale.

    python tests/docs/relink.py             line numbers, excerpts, tables of keys and constants
    python tests/docs/relink.py --outputs   also what the Python blocks print

A link ``[`Batch.split`](../minilm/objectives/next_token.py#L49)`` points at the definition of the
name, or, if the file defines no such name, at its only line with that text. A title goes before
the text: ``[parts](../minilm/objectives/next_token.py#L49 "Batch.split")``. Derived tables and
excerpts follow a comment that readers do not see:

    <!-- keys: module.Dataclass -->       Key | Type | Default | Meaning, the last written by hand
    <!-- constants: module -->            Constant | Value | Meaning, of the names listed there
    <!-- sizes -->, <!-- ladder -->, <!-- fields -->       generated whole
    <!-- source: file.py Class.method --> the body of the function, in the fence that follows
"""

from __future__ import annotations

import ast
import contextlib
import contextvars
import dataclasses
import importlib
import io
import os
import re
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = {DOCS / "_build", DOCS / "api"}
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
PAGES = [page for page in PAGES if page.exists() and GENERATED.isdisjoint(page.parents)]

LINK = re.compile(
    r"\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?(?P<title>\s\"[^\"]+\")?\)"
)
MARK = re.compile(r"<!-- (?P<kind>[a-z]+)(?:: (?P<what>[^>]*))? -->")
TYPES = {"int": "integer", "float": "number", "bool": "true or false", "str": "text"}


class Block(NamedTuple):
    """A fenced block; `line` is the number of its first line, `after` the text since the last."""

    language: str
    text: str
    line: int
    after: str


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    fence = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
    end = 0
    for match in fence.finditer(page):
        line = page.count("\n", 0, match.start(2)) + 1
        yield Block(match[1], match[2], line, page[end : match.start()])
        end = match.end()


def included(page: str) -> Iterator[tuple[str, str | None]]:
    """File and ``:pyobject:`` of each ``literalinclude`` of a page."""
    directive = r"^```\{literalinclude\}\s+(\S+)\n(.*?)^```"
    for match in re.finditer(directive, page, re.MULTILINE | re.DOTALL):
        name = re.search(r"^:pyobject:\s*(\S+)", match[2], re.MULTILINE)
        yield match[1], name[1] if name else None


def links(page: str) -> Iterator[re.Match[str]]:
    """Links of a page that do not leave the repository; fenced blocks and equations have none."""
    apart = r"^```.*?^```|\$\$.*?\$\$|(?<![\\$])\$(?=[^\s$])[^$\n]*\$"
    fenced = [(m.start(), m.end()) for m in re.finditer(apart, page, re.MULTILINE | re.DOTALL)]
    for match in LINK.finditer(page):
        inside = any(start <= match.start() < end for start, end in fenced)
        if not inside and not re.match(r"[a-z]+:", match["target"]):
            yield match


def line_of(text: str, file: Path) -> int:
    """The line of a definition (``Class.method``, ``NAME``), or of a unique piece of code."""
    source = file.read_text(encoding="utf-8")
    name = text.removesuffix("()")
    if re.fullmatch(r"[A-Za-z_][\w.]*", name):
        node = definition(ast.parse(source), name)
        if node is not None:
            return node.lineno
    found = [i for i, line in enumerate(source.splitlines(), 1) if text in line]
    if len(found) != 1:
        raise ValueError(f"{file.relative_to(ROOT)}: {len(found)} lines have {text!r}, not one")
    return found[0]


def definition(tree: ast.AST, name: str) -> Any:
    """The node that defines a dotted name, or None."""
    first, _, rest = name.partition(".")
    for node in getattr(tree, "body", []):
        names = [getattr(node, "name", None)]
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        if first in names:
            return definition(node, rest) if rest else node
    return None


def refreshed(path: Path) -> str:
    """The page with everything derived from the code renewed."""
    page = path.read_text(encoding="utf-8")

    def relinked(match: re.Match[str]) -> str:
        anchor = match["anchor"] or ""
        if not re.match(r"#L\d", anchor):
            return match[0]
        name = (match["title"] or match["text"]).strip(' \n"`')
        line = line_of(name, (path.parent / match["target"]).resolve())
        return f"[{match['text']}]({match['target']}#L{line}{match['title'] or ''})"

    for match in reversed(list(links(page))):
        page = page[: match.start()] + relinked(match) + page[match.end() :]
    for match in reversed(list(MARK.finditer(page))):
        if match["kind"] in RENEWERS:
            head, tail = page[: match.end()] + "\n", page[match.end() + 1 :]
            page = head + RENEWERS[match["kind"]](match["what"] or "", tail)
    return page


def rows(tail: str) -> tuple[list[list[str]], str]:
    """The cells of the table that a text begins with, and the text after it."""
    match = re.match(r"\n*((?:\|.*\n)+)", tail)
    if not match:
        return [], tail
    lines = match[1].splitlines()
    bars = re.compile(r"(?<!\\)\|")
    return [[c.strip() for c in bars.split(line)[1:-1]] for line in lines], tail[match.end() :]


def table(head: str, body: list[list[str]]) -> str:
    """A Markdown table; `head` has a colon behind the columns of figures."""
    names = head.split(" | ")
    rule = ["---:" if name.endswith(":") else "---" for name in names]
    lines = [[name.rstrip(":") for name in names], rule, *body]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _named(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return f'`"{value}"`'
    return f"`{str(value).lower()}`"


def _keys(what: str, tail: str) -> str:
    old, rest = rows(tail)
    meaning = {line[0]: line[3] for line in old[2:]}
    body = []
    for field in dataclasses.fields(_named(what)):
        if field.default is not dataclasses.MISSING:
            name = f"`{field.name}`"
            cells = [name, TYPES[str(field.type)], _toml(field.default)]
            body.append([*cells, meaning.get(name, "")])
    return table("Key | Type | Default | Meaning", body) + rest


def _constants(what: str, tail: str) -> str:
    old, rest = rows(tail)
    module = importlib.import_module(what)
    body = [[c[0], _toml(getattr(module, c[0].strip("`"))), c[2]] for c in old[2:]]
    return table("Constant | Value | Meaning", body) + rest


def _sizes(_: str, tail: str) -> str:
    sizes = _named("minilm.models.sizes.SIZES")
    body = []
    for name, c in sizes.items():
        c = dataclasses.replace(c, vocab_size=c.vocab_size or 257)
        shape = (c.n_layer, c.n_head, c.kv_heads, c.n_embd, c.block_size)
        body.append([f"`{name}`", *map(str, shape), f"{c.n_parameters():,}"])
    head = "Name | Layers: | Heads: | Key-value heads: | Channels: | Context: | Parameters:"
    return table(head, body) + rows(tail)[1]


def _ladder(_: str, tail: str) -> str:
    config = _named("minilm.models.config.GPTConfig")
    body = []
    for layers, heads, channels, positions in _named("minilm.recipes.budget.LADDER"):
        model = config(257, positions, layers, heads, channels)
        sizes = (layers, heads, channels, positions)
        flops = f"{model.flops_per_token() / 1e6:.3g} M"
        body.append([*map(str, sizes), f"{model.n_parameters():,}", flops])
    head = "Layers: | Heads: | Channels: | Context: | Parameters: | FLOP per token:"
    return table(head, body) + rows(tail)[1]


def _fields(_: str, tail: str) -> str:
    families = _named("minilm.interop.families.FAMILIES")
    users: dict[tuple[str, str], list[str]] = {}
    for family in families.values():
        for field in family.fields:
            users.setdefault((field.name, field.meaning), []).append(family.model_type)
    body = [
        [f"`{name}`", "all" if len(users_) == len(families) else ", ".join(users_), meaning]
        for (name, meaning), users_ in users.items()
    ]
    return table("Field | Families | Here", body) + rows(tail)[1]


def _source(what: str, tail: str) -> str:
    file, name = what.split()
    source = (ROOT / file).read_text(encoding="utf-8")
    node = definition(ast.parse(source), name)
    body = node.body[1:] if ast.get_docstring(node) else node.body
    code = "\n".join(source.splitlines()[body[0].lineno - 1 : node.end_lineno])
    code = f"```py\n{textwrap.dedent(code)}\n```\n"
    return code + re.sub(r"(?s)\A\s*```.*?\n```\n", "", tail)


RENEWERS: dict[str, Callable[[str, str], str]] = {
    "keys": _keys,
    "constants": _constants,
    "sizes": _sizes,
    "ladder": _ladder,
    "fields": _fields,
    "source": _source,
}


def outputs(page: str, name: str) -> Iterator[tuple[Block, Block | None, str]]:
    """Run the Python blocks of a page in one namespace and the current folder.

    Yields each with the ``text`` block that follows it immediately, and what it printed.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = list(blocks(page))
    for i, block in enumerate(found):
        if block.language != "python":
            continue
        following = found[i + 1] if i + 1 < len(found) else None
        if following and (following.language != "text" or following.after.strip()):
            following = None
        printed = io.StringIO()
        code = compile("\n" * (block.line - 1) + block.text, name, "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        yield block, following, printed.getvalue()


def _with_outputs(page: str, name: str) -> str:
    new = page
    for _, following, printed in outputs(page, name):
        if following:
            lines = page.splitlines(keepends=True)[: following.line - 1]
            before = "".join(lines)
            shift = len(new) - len(page)
            start = len(before) + shift
            printed = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
            new = new[:start] + printed + new[start + len(following.text) :]
    return new


def main() -> None:
    """Rewrite the pages in place."""
    home = os.getcwd()
    for path in PAGES:
        page = refreshed(path)
        if "--outputs" in sys.argv and "```python" in page:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                page = contextvars.copy_context().run(_with_outputs, page, path.name)
                os.chdir(home)
        if page != path.read_text(encoding="utf-8"):
            path.write_text(page, encoding="utf-8", newline="\n")
            print(f"rewrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
