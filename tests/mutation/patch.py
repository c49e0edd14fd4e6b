"""A change of one statement, made to the modules as they stand in memory.

The package on disk is never touched. In a process that has the package loaded, the changed
statement is run again in the dictionary of its module; then, in the order in which modules
import each other, every top-level statement that uses a name it binds, or imports it, and
so on. All else stays, above all what Numba has compiled: of the kernels only those that
contain the change are compiled once more.
"""

from __future__ import annotations
import __future__

import ast
import functools
import sys
from pathlib import Path
from types import ModuleType

from tests.mutation.operators import names_bound

__all__ = ["Program", "package_modules"]

PACKAGE = "minilm"
_FLAGS = __future__.annotations.compiler_flag


def package_modules() -> dict[str, ModuleType]:
    """The loaded modules of the package, each after those that it imports."""
    loaded = {n: m for n, m in sys.modules.items() if n.split(".")[0] == PACKAGE}
    ordered: dict[str, ModuleType] = {}

    def add(name: str) -> None:
        if name in loaded:
            module = loaded.pop(name)
            for statement in _tree(module).body:
                if isinstance(statement, ast.ImportFrom):
                    add(statement.module or "")
            ordered[name] = module

    for name in list(loaded):
        add(name)
    return ordered


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))


class Program:
    """The top-level statements of the loaded modules, and which of them use which names."""

    def __init__(self) -> None:
        self.modules = package_modules()
        self.trees = {name: _tree(module) for name, module in self.modules.items()}
        self._binds: dict[tuple[str, int], set[tuple[str, str]]] = {}
        self._uses: dict[tuple[str, int], set[tuple[str, str]]] = {}
        for name, tree in self.trees.items():
            for index, statement in enumerate(tree.body):
                self._binds[name, index] = {(name, bound) for bound in _bound(statement)}
                self._uses[name, index] = _used(name, statement)

    def replace(self, module: str, index: int, statement: ast.stmt) -> None:
        """Run a new version of one statement, and again what depends on it."""
        self._run({(module, index)}, {(module, index): statement})

    def repeat(self, module: str) -> None:
        """Run the functions and classes of a module again as they are: changes nothing."""
        kinds = ast.FunctionDef | ast.ClassDef
        body = enumerate(self.trees[module].body)
        self._run({(module, index) for index, node in body if isinstance(node, kinds)}, {})

    def _run(self, places: set[tuple[str, int]], versions: dict[tuple[str, int], ast.stmt]) -> None:
        _clear_caches(self.modules)
        places = self._dependent(places)
        for name, tree in self.trees.items():
            for index, statement in enumerate(tree.body):
                if (name, index) in places:
                    module = self.modules[name]
                    body = ast.Module([versions.get((name, index), statement)], [])
                    code = compile(body, module.__file__ or "", "exec", _FLAGS, True)
                    exec(code, module.__dict__)

    def _dependent(self, places: set[tuple[str, int]]) -> set[tuple[str, int]]:
        found, names = set(places), set[tuple[str, str]]()
        while True:
            for place in found:
                names |= self._binds[place]
            more = {
                place
                for place in self._binds.keys() - found
                if self._uses[place] & names or self._binds[place] & names
            }
            if not more:
                return found
            found |= more


def _bound(statement: ast.stmt) -> set[str]:
    """The names of the module that a statement gives a value to."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        # @overload(exp) says how kernels do exp: it belongs to the definition of exp.
        overloaded = (name for d in statement.decorator_list for name in _overloaded(d))
        return {statement.name, *overloaded}
    if isinstance(statement, ast.ImportFrom):
        return {alias.asname or alias.name for alias in statement.names}
    return set(names_bound(statement))


def _overloaded(decorator: ast.expr) -> list[str]:
    if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "overload":
        return [node.id for node in decorator.args if isinstance(node, ast.Name)]
    return []


def _used(module: str, statement: ast.stmt) -> set[tuple[str, str]]:
    if isinstance(statement, ast.ImportFrom):
        return {(statement.module or "", alias.name) for alias in statement.names}
    names = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
    return {(module, n.id) for n in names if isinstance(n.ctx, ast.Load)}


def _clear_caches(modules: dict[str, ModuleType]) -> None:
    for module in modules.values():
        for value in vars(module).values():
            if isinstance(value, functools._lru_cache_wrapper):
                value.cache_clear()
