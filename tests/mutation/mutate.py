"""Wrong versions of a source file, each by one small change.

Every operator looks at one node of the syntax tree and proposes replacements:

    sign       a + b -> a - b; -x -> x; a product -> its negative; += -> -=
    term       a + b -> a and -> b; x += y -> x = y
    factor     a * b -> a / b and -> one of them; a constant -> a larger one
    index      an index, or a bound of a slice or range, moved by one
    axis       axis=-1 -> 0; two axes of a transpose exchanged
    transpose  .T, .transpose(...) and .swapaxes(...) taken away
    compare    < -> <=, == -> != and so on
    boolean    True -> False, and -> or, & -> |; a condition negated; always the one branch
    order      neighbours exchanged: arguments, factors of @, results, names unpacked into
    saved      another field of `saved`
    drop       a statement that changes something, left out

The id of a mutant, ``file:function:operator:number:hash of its line``, stays as it is while
the line does, wherever that moves. The number counts those that agree in all the rest.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.mutation.operators import Path, Site, names_bound, proposals, text

__all__ = ["Mutant", "mutants"]


@dataclass(frozen=True)
class Mutant:
    """One replacement in one top-level statement of a file."""

    file: str  # relative to the package, with forward slashes
    function: str  # dotted; "" at the top level
    line: int
    operator: str
    number: int
    line_hash: str
    change: str  # "before -> after"
    statement: int  # index in the body of the module
    path: Path = field(repr=False)
    replacement: ast.AST = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        return f"{self.file}:{self.function}:{self.operator}:{self.number}:{self.line_hash}"

    def apply(self, tree: ast.Module) -> ast.stmt:
        """The changed top-level statement; the tree stays as it is."""
        statement = copy.deepcopy(tree.body[self.statement])
        node: ast.AST = statement
        for step in self.path[:-1]:
            node = _child(node, *step)
        name, index = self.path[-1]
        new = ast.copy_location(copy.deepcopy(self.replacement), _child(node, name, index))
        if index is None:
            setattr(node, name, new)
        else:
            getattr(node, name)[index] = new
        return ast.fix_missing_locations(statement)


def mutants(source: str, file: str) -> list[Mutant]:
    """All mutants of a file, in the order of its lines."""
    tree = ast.parse(source)
    lines = source.splitlines()
    fields = _saved_fields(tree)
    found: list[Mutant] = []
    seen: Counter[tuple[str, ...]] = Counter()
    for number, statement in enumerate(tree.body):
        for site in _sites(statement, fields) if _worth_changing(statement) else ():
            line, before = site.node.lineno, text(site.node)
            line_hash = hashlib.sha256(lines[line - 1].strip().encode()).hexdigest()[:6]
            for operator, replacement in proposals(site):
                after = text(replacement)
                if after == before:
                    continue
                key = (site.function, operator, line_hash)
                seen[key] += 1
                where = file, site.function, line, operator, seen[key], line_hash
                change = f"{before} -> {after}"
                found.append(Mutant(*where, change, number, site.path, replacement))
    return found


def _child(node: ast.AST, name: str, index: int | None) -> ast.AST:
    value = getattr(node, name)
    return value if index is None else value[index]


def _saved_fields(tree: ast.Module) -> tuple[str, ...]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "Saved":
            return tuple(n.target.id for n in node.body if isinstance(n, ast.AnnAssign))
    return ()


def _worth_changing(statement: ast.stmt) -> bool:
    """Functions, classes, and constants made of numbers."""
    if isinstance(statement, ast.Assign):
        constants = (n.value for n in ast.walk(statement.value) if isinstance(n, ast.Constant))
        return any(type(value) in (int, float) for value in constants)
    return isinstance(statement, ast.FunctionDef | ast.ClassDef)


def _sites(
    node: ast.AST,
    fields: tuple[str, ...],
    path: Path = (),
    function: str = "",
    parents: tuple[ast.AST, ...] = (),
    bound: frozenset[str] = frozenset(),
) -> Iterator[Site]:
    """This node and those below, without what is not mathematics."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}" if function else node.name
    if isinstance(node, ast.FunctionDef):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        bound = frozenset(a.arg for a in arguments)
    if isinstance(node, ast.expr | ast.stmt):
        yield Site(node, path, function, parents, bound, fields)
    for name, value in ast.iter_fields(node):
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST) and not _is_skipped(node, name, child):
                step = (name, index if isinstance(value, list) else None)
                yield from _sites(child, fields, (*path, step), function, (*parents, node), bound)
                if isinstance(child, ast.stmt):
                    bound |= names_bound(child)


def _is_skipped(parent: ast.AST, name: str, child: ast.AST) -> bool:
    """What is no part of the calculation: types, decorators, messages, fields of classes."""
    if name in ("annotation", "returns", "decorator_list", "bases"):
        return True
    if isinstance(child, ast.Raise | ast.Assert | ast.JoinedStr | ast.Import | ast.ImportFrom):
        return True
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True  # a docstring
    if isinstance(child, ast.FunctionDef) and child.name == "__repr__":
        return True
    if isinstance(parent, ast.Call) and getattr(parent.func, "id", "") == "like":
        return child is parent.args[0]  # only its type matters
    if isinstance(parent, ast.ClassDef):
        return not isinstance(child, ast.FunctionDef)
    return isinstance(child, ast.keyword) and child.arg in ("strict", "dtype")
