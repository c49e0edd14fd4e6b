"""What may go wrong at one place of a program: the operators of `mutate`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Path", "Site", "names_bound", "proposals", "text"]

Path = tuple[tuple[str, int | None], ...]  # from a statement down: field, index in a list
Proposals = Iterator[tuple[str, ast.AST]]

_BINARY: dict[type, tuple[str, type]] = {
    ast.Add: ("sign", ast.Sub),
    ast.Sub: ("sign", ast.Add),
    ast.Mult: ("factor", ast.Div),
    ast.Div: ("factor", ast.Mult),
    ast.BitAnd: ("boolean", ast.BitOr),
    ast.BitOr: ("boolean", ast.BitAnd),
    ast.BitXor: ("boolean", ast.BitOr),
    ast.LShift: ("factor", ast.RShift),
    ast.RShift: ("factor", ast.LShift),
}
_COMPARE: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_RANGES = ("range", "prange", "arange")
_REDUCTIONS = ("mean", "sum", "max", "min")
# Exchanging their arguments changes nothing.
_SYMMETRIC = ("max", "min", "maximum", "minimum", "logaddexp", "may_share_memory", "zip")
_PLAIN = (ast.Name, ast.Attribute, ast.Subscript)


@dataclass(frozen=True)
class Site:
    """A node and what is known of its surroundings."""

    node: ast.expr | ast.stmt
    path: Path
    function: str
    parents: tuple[ast.AST, ...]
    bound: frozenset[str]  # names of the function that have a value before this statement
    saved_fields: tuple[str, ...]

    @property
    def parent(self) -> ast.AST | None:
        return self.parents[-1] if self.parents else None


def proposals(site: Site) -> Proposals:
    """Name of the operator and the node that would replace the site's."""
    for operator in _OPERATORS.get(type(site.node), ()):
        yield from operator(site)


def text(node: ast.AST) -> str:
    """The node as one line of source, of an `if` only the condition."""
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    return "nothing" if isinstance(node, ast.Pass) else " ".join(ast.unparse(node).split())


def names_bound(statement: ast.AST) -> frozenset[str]:
    """The names that are assigned to anywhere below."""
    names = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
    return frozenset(n.id for n in names if isinstance(n.ctx, ast.Store))


def _binary(site: Site) -> Proposals:
    node = site.node
    left, op, right = node.left, type(node.op), node.right
    if op in _BINARY:
        operator, other = _BINARY[op]
        yield operator, ast.BinOp(left, other(), right)
    if op in (ast.Add, ast.Sub):
        yield "term", left
        yield "term", right if op is ast.Add else ast.UnaryOp(ast.USub(), right)
    elif op is ast.Mult:  # the simpler factor goes
        yield "factor", left if _size(left) >= _size(right) else right
    elif op in (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow):
        yield "factor", left
    elif op is ast.MatMult:
        yield "order", ast.BinOp(right, op(), left)
    outermost = isinstance(site.parent, ast.Return | ast.Assign | ast.Tuple)
    if op in (ast.Mult, ast.Div, ast.MatMult) and outermost and not _in_subscript(site):
        yield "sign", ast.UnaryOp(ast.USub(), node)


def _unary(site: Site) -> Proposals:
    if not _is_axis(site):
        yield "sign" if isinstance(site.node.op, ast.USub) else "boolean", site.node.operand


def _augmented(site: Site) -> Proposals:
    node = site.node
    yield "drop", ast.Pass()
    if type(node.op) in _BINARY:
        operator, other = _BINARY[type(node.op)]
        yield operator, ast.AugAssign(node.target, other(), node.value)
    yield "term", ast.Assign([node.target], node.value, lineno=node.lineno)


def _constant(site: Site) -> Proposals:
    value = site.node.value
    negative = isinstance(site.parent, ast.UnaryOp)
    if isinstance(value, bool):
        yield "boolean", ast.Constant(not value)
    elif _in_subscript(site) or _is_axis(_up(site) if negative else site):
        return  # changed as an index or an axis
    elif negative and _called(_up(site).parent) == "reshape":
        return  # "as many as there are": NumPy takes any negative number for it
    elif isinstance(value, int):
        yield "factor", ast.Constant(value + 1)
    elif isinstance(value, float):
        yield "factor", ast.Constant(2 * value or 1.0)


def _compare(site: Site) -> Proposals:
    node = site.node
    for index, op in enumerate(node.ops):
        ops = [*node.ops[:index], _COMPARE[type(op)](), *node.ops[index + 1 :]]
        yield "compare", ast.Compare(node.left, ops, node.comparators)


def _boolean(site: Site) -> Proposals:
    other = ast.Or() if isinstance(site.node.op, ast.And) else ast.And()
    yield "boolean", ast.BoolOp(other, site.node.values)


def _choice(site: Site) -> Proposals:
    yield "boolean", site.node.body
    yield "boolean", site.node.orelse


def _condition(site: Site) -> Proposals:
    node = site.node
    if not isinstance(node.test, ast.Compare):  # which has mutants of its own
        yield "boolean", ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def _subscript(site: Site) -> Proposals:
    node = site.node
    if not isinstance(node.slice, ast.Tuple):
        for moved in _moved(node.slice):
            yield "index", ast.Subscript(node.value, moved, node.ctx)
        return
    parts = node.slice.elts
    for place, part in enumerate(parts):
        for moved in _moved(part):
            new = ast.Tuple([*parts[:place], moved, *parts[place + 1 :]], ast.Load())
            yield "index", ast.Subscript(node.value, new, node.ctx)


def _moved(part: ast.expr) -> Iterator[ast.expr]:
    if isinstance(part, ast.Slice):
        if part.lower:
            yield ast.Slice(_plus(part.lower, 1), part.upper, part.step)
        if part.upper:
            yield ast.Slice(part.lower, _plus(part.upper, -1), part.step)
    elif not isinstance(part, ast.Constant) or isinstance(part.value, int):
        yield _plus(part, 1)


def _call(site: Site) -> Proposals:
    node = site.node
    name, arguments = _called(node), node.args

    def with_arguments(*new: ast.expr) -> ast.Call:
        return ast.Call(node.func, list(new), node.keywords)

    if name in ("transpose", "swapaxes"):
        yield "transpose", node.func.value
        if len(arguments) > 2:
            yield "axis", with_arguments(arguments[1], arguments[0], *arguments[2:])
    elif name in _RANGES:
        if len(arguments) == 1:
            yield "index", with_arguments(_plus(arguments[0], -1))
        else:
            start, stop, *step = arguments
            yield "index", with_arguments(_plus(start, 1), stop, *step)
            yield "index", with_arguments(start, _plus(stop, -1), *step)
    elif name not in _SYMMETRIC:
        plain = [i for i, pair in enumerate(zip(arguments, arguments[1:])) if _alike(*pair)]  # noqa: B905, RUF007
        for i in sorted({*plain[:1], *plain[-1:]}):
            a, b = arguments[i : i + 2]
            yield "order", with_arguments(*arguments[:i], b, a, *arguments[i + 2 :])
    if _takes_axis(node) and arguments and (axis := _literal(arguments[0])) is not None:
        yield "axis", with_arguments(_other_axis(axis), *arguments[1:])
    for place, keyword in enumerate(node.keywords):
        axis = _literal(keyword.value) if keyword.arg == "axis" else None
        if axis is not None:
            changed = ast.keyword("axis", _other_axis(axis))
            keywords = [*node.keywords[:place], changed, *node.keywords[place + 1 :]]
            yield "axis", ast.Call(node.func, arguments, keywords)


def _attribute(site: Site) -> Proposals:
    node, fields = site.node, site.saved_fields
    if node.attr == "T":
        yield "transpose", node.value
    elif isinstance(node.value, ast.Name) and node.value.id == "saved" and node.attr in fields:
        other = fields[(fields.index(node.attr) + 1) % len(fields)]
        yield "saved", ast.Attribute(node.value, other, node.ctx)


def _return(site: Site) -> Proposals:
    if isinstance(site.node.value, ast.Tuple):
        for elements in _exchanged(site.node.value.elts):
            yield "order", ast.Return(ast.Tuple(elements, ast.Load()))


def _assignment(site: Site) -> Proposals:
    node = site.node
    target = node.targets[0]
    if isinstance(target, ast.Subscript) or names_bound(node) <= site.bound:
        yield "drop", ast.Pass()
    if isinstance(target, ast.Tuple) and not isinstance(node.value, ast.Tuple):
        for elements in _exchanged(target.elts):
            exchanged = ast.Tuple(elements, ast.Store())
            yield "order", ast.Assign([exchanged], node.value, lineno=node.lineno)


def _expression(site: Site) -> Proposals:
    if isinstance(site.node.value, ast.Call):
        yield "drop", ast.Pass()


_OPERATORS: dict[type, tuple[Callable[[Site], Proposals], ...]] = {
    ast.BinOp: (_binary,),
    ast.UnaryOp: (_unary,),
    ast.AugAssign: (_augmented,),
    ast.Constant: (_constant,),
    ast.Compare: (_compare,),
    ast.BoolOp: (_boolean,),
    ast.IfExp: (_choice,),
    ast.If: (_condition,),
    ast.Subscript: (_subscript,),
    ast.Call: (_call,),
    ast.Attribute: (_attribute,),
    ast.Return: (_return,),
    ast.Assign: (_assignment,),
    ast.Expr: (_expression,),
}


def _size(node: ast.AST) -> int:
    return sum(1 for _ in ast.walk(node))


def _alike(a: ast.expr, b: ast.expr) -> bool:
    return isinstance(a, _PLAIN) and isinstance(b, _PLAIN)


def _exchanged(elements: list[ast.expr]) -> Iterator[list[ast.expr]]:
    for first in range(len(elements) - 1):
        a, b = elements[first : first + 2]
        yield [*elements[:first], b, a, *elements[first + 2 :]]


def _plus(node: ast.expr, n: int) -> ast.expr:
    number = _literal(node)
    if number is not None:
        return ast.Constant(number + n)
    return ast.BinOp(node, ast.Add() if n > 0 else ast.Sub(), ast.Constant(abs(n)))


def _called(node: ast.AST | None) -> str:
    function = getattr(node, "func", None)
    return getattr(function, "attr", getattr(function, "id", ""))


def _literal(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if type(value) is int else None


def _other_axis(axis: int) -> ast.expr:
    return ast.Constant({-1: 0, 0: -1}.get(axis, axis - 1))


def _up(site: Site) -> Site:
    path, parents = site.path[:-1], site.parents[:-1]
    return Site(site.parents[-1], path, site.function, parents, site.bound, site.saved_fields)


def _is_axis(site: Site) -> bool:
    """Whether the number here names an axis."""
    parent = site.parent
    if isinstance(parent, ast.keyword):
        return parent.arg == "axis"
    if not isinstance(parent, ast.Call) or site.node not in parent.args:
        return False
    return _called(parent) in ("transpose", "swapaxes") or _takes_axis(parent)


def _takes_axis(call: ast.Call) -> bool:
    """Whether it is x.mean(...) or the like, and not max(...)."""
    return _called(call) in _REDUCTIONS and isinstance(call.func, ast.Attribute)


def _in_subscript(site: Site) -> bool:
    """Whether the node is itself an index or a bound of a slice."""
    node: ast.AST = site.node
    for parent in reversed(site.parents):
        if isinstance(parent, ast.Subscript):
            return node is parent.slice
        if not isinstance(parent, ast.Slice | ast.UnaryOp | ast.Tuple):
            return False
        node = parent
    return False
