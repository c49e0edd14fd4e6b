"""What autodoc shows of classes and functions: signatures as written, fields as written."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import sys
import textwrap
from typing import Any

from docstrings import code, to_rst
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature
from sphinx.util.nodes import make_refnode

from minilm.kernels.vectors import part

SHOWN = (property, functools.cached_property, staticmethod, classmethod)


def fields(cls: type) -> list[str]:
    """The fields of a NamedTuple or dataclass with their comments, as the source has them."""
    if not hasattr(cls, "_fields") and not dataclasses.is_dataclass(cls):
        return []
    try:
        source = textwrap.dedent(inspect.getsource(cls)).splitlines()
    except OSError:
        return []
    tree = ast.parse("\n".join(source)).body[0]
    found = [node for node in getattr(tree, "body", []) if isinstance(node, ast.AnnAssign)]
    lines = source[found[0].lineno - 1 : found[-1].end_lineno] if found else []
    return textwrap.dedent("\n".join(lines)).splitlines()


def _shows_fields(cls: type) -> bool:
    """Whether its fields are listed as code: its docstring does not describe them."""
    return "Attributes\n" not in (cls.__doc__ or "") and bool(fields(cls))


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring in place; classes of fields get the list of them."""
    try:
        plain = set(inspect.signature(obj).parameters)
    except (TypeError, ValueError):
        plain = set()
    text = "\n".join(lines).strip()
    if what == "class" and text.startswith(f"{obj.__name__}("):
        text = ""  # what Python writes when there is no docstring
    rst = to_rst(text.splitlines(), plain)
    if what == "class" and _shows_fields(obj):
        rst += ["", *code(fields(obj))]
    lines[:] = [*rst, ""]


def signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, args: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """Types as the source writes them: evaluated, an NDArray would fill a line."""
    if what not in ("class", "exception", "function", "method") or args is None:
        return None
    if what == "class" and _shows_fields(obj):
        return "", None
    try:
        found = inspect.signature(obj)
    except (TypeError, ValueError):
        return None
    parameters = [
        p.replace(annotation=_bare(p.annotation)) if isinstance(p.annotation, str) else p
        for p in found.parameters.values()
        if p.name != "typingctx"  # of an intrinsic: Numba gives it
    ]
    found = found.replace(parameters=parameters)
    if what == "method" and parameters and parameters[0].name in ("self", "cls"):
        found = found.replace(parameters=parameters[1:])
    head, _, tail = stringify_signature(found).partition(" -> ")
    return head, None if what == "class" else tail or None


class _Bare(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
            return node.slice.elts[0]
        return node


def _bare(annotation: str) -> str:
    """A type without the remarks that ``Annotated`` adds for the command line."""
    return ast.unparse(_Bare().visit(ast.parse(annotation, mode="eval")))


def skip(
    app: Sphinx, what: str, name: str, obj: Any, is_skipped: bool, options: Any
) -> bool | None:
    """Of a class only methods and properties: its docstring or `process` lists the fields."""
    is_shown = inspect.isroutine(obj) or inspect.isclass(obj) or isinstance(obj, SHOWN)
    return True if what == "class" and not is_shown else None


def complete(app: Sphinx, doctree: nodes.document) -> None:
    """Give the names in signatures their modules, so that each leads where it was imported from."""
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") == "py" and "refspecific" in node.attributes:
            del node.attributes["refspecific"]
            module = sys.modules.get(node.get("py:module") or "")
            found = getattr(module, node["reftarget"], None)
            if inspect.isclass(found):
                node["reftarget"] = f"{found.__module__}.{found.__qualname__}"


def resolve(
    app: Sphinx, env: Any, node: nodes.Element, contnode: nodes.TextElement
) -> nodes.reference | None:
    """Names of the same package, and names without ``minilm.`` in front."""
    if node.get("refdomain") != "py" or node.get("reftype") != "obj":
        return None
    target = node["reftarget"].removesuffix("()")
    objects = env.get_domain("py").objects
    package = (node.get("py:module") or "").rpartition(".")[0]
    for full in (f"{package}.{target}", f"minilm.{target}"):
        if full in objects:
            found = objects[full]
            return make_refnode(
                app.builder, node["refdoc"], found.docname, found.node_id, contnode, full
            )
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to autodoc."""
    # An intrinsic is an object, and would be shown as data. What has __get__ is a function, as
    # Numba's other compiled functions are.
    type(part).__get__ = lambda self, *_: self
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-skip-member", skip)
    app.connect("doctree-read", complete)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
