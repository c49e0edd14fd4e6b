"""A page for every module, in the order of the imports, from what the folders hold.

The pages are written to docs/api before a build: nobody keeps them. Nothing is imported here.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from docstrings import inline
from sphinx.application import Sphinx

# Whatever is not named here follows in alphabetical order.
ORDER = (
    *("errors", "rng", "storage", "reference", "kernels", "backend", "machine"),
    *("gradient_report", "gradient_call", "gradient_check", "directional_check"),
    *("nn", "optim", "models", "corpus", "tokenizers", "objectives", "evaluation"),
    *("generation", "training", "recipes", "interop", "golden", "cli"),
)


class Module(NamedTuple):
    """What the source of a module says about it."""

    name: str  # dotted
    is_package: bool
    summary: str  # the first paragraph of its docstring
    own: dict[str, str]  # public names that it defines -> what their docstrings begin with
    borrowed: dict[str, str]  # other names of `__all__` -> where they are defined


def modules(package: Path, name: str) -> dict[str, Module]:
    """A package and all below it, packages before their contents."""
    found = {name: read(package / "__init__.py", name)}
    for path in sorted(package.iterdir(), key=_place):
        if (path / "__init__.py").exists():
            found |= modules(path, f"{name}.{path.name}")
        elif path.suffix == ".py" and not path.name.startswith("_"):
            found[f"{name}.{path.stem}"] = read(path, f"{name}.{path.stem}")
    return found


def _place(path: Path) -> tuple[int, str]:
    return (ORDER.index(path.stem) if path.stem in ORDER else len(ORDER), path.stem)


def read(path: Path, name: str) -> Module:
    """What there is to say about one file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined: dict[str, str] = {}
    imported: dict[str, str] = {}
    public: list[str] | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = summary(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if names == ["__all__"]:
                public = ast.literal_eval(node.value)
            defined |= dict.fromkeys(names, "")
    if public is None:
        public = [each for each in defined if not each.startswith("_")]
    own = {each: defined[each] for each in defined if each in public and each[:2] != "__"}
    borrowed = {each: imported[each] for each in public if each in imported}
    return Module(name, path.stem == "__init__", summary(tree), own, borrowed)


def summary(node: ast.AST) -> str:
    """The first paragraph of a docstring, as one line."""
    docstring = ast.get_docstring(node) or ""  # type: ignore[arg-type]
    return " ".join(docstring.partition("\n\n")[0].split())


def page(module: Module, all_modules: dict[str, Module]) -> str:
    """The page of one module."""
    lines = [module.name, "=" * len(module.name), "", f".. automodule:: {module.name}"]
    if module.own:
        lines += [f"   :members: {', '.join(module.own)}", "   :ignore-module-all:"]
    if module.borrowed:
        lines += ["", "Names", "-----", ""]
    for name, home in module.borrowed.items():
        folder, _, first = home.rpartition(".")
        about = all_modules[home].summary if home in all_modules else ""
        about = about or (all_modules[folder].own.get(first, "") if folder in all_modules else "")
        lines += [f":py:obj:`{module.name}.{name} <{home}>`", f"    {inline(about) or '..'}"]
    below = [m for m in all_modules.values() if m.name.rpartition(".")[0] == module.name]
    if below:
        lines += ["", "Modules", "-------", ""]
        if module.name == "minilm":
            lines += ["In the order of the imports, the most basic first.", ""]
        lines += contents(below)
    return "\n".join(lines) + "\n"


def contents(below: list[Module]) -> list[str]:
    """A table of modules with their summaries, and the toctree of it."""
    lines, tree = [], ["", ".. toctree::", "   :hidden:", ""]
    for module in below:
        lines += [f":py:mod:`{module.name}`", f"    {inline(module.summary)}"]
        stem = module.name.rpartition(".")[2]
        tree.append(f"   {stem} <{stem}{'/index' if module.is_package else ''}>")
    return lines + tree


def write(app: Sphinx) -> None:
    """Bring docs/api up to date; a page that has not changed is left alone."""
    found = modules(Path(app.srcdir).parent / "minilm", "minilm")
    pages = {}
    for name, module in found.items():
        place = "/".join(name.split(".")[1:])
        place = f"{place}/index".lstrip("/") if module.is_package else place
        pages[place] = page(module, found)
    folder = Path(app.srcdir) / "api"
    for place, text in pages.items():
        path = folder / f"{place}.rst"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
    for path in folder.rglob("*.rst"):
        if path.relative_to(folder).with_suffix("").as_posix() not in pages:
            path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages as soon as the source folder is known."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
