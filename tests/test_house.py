"""The house: imports go one way, files stay small, importing the package costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "minilm"

# Each may import what stands before it, and its own.
LAYERS = (
    ("errors", "rng", "aligned"),
    ("storage",),
    ("reference", "kernels"),
    ("backend", "machine"),
    ("gradient_report", "gradient_call", "directional_check", "gradient_check"),
    ("nn",),
    ("optim",),
    ("models",),
    ("corpus", "tokenizers"),
    ("objectives", "evaluation", "generation"),
    ("training",),
    ("recipes",),
    ("interop", "golden"),
    ("cli",),
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
FILES = sorted(PACKAGE.rglob("*.py"))


def _part(module: str) -> str | None:
    names = module.split(".")
    return names[1] if names[0] == "minilm" and len(names) > 1 else None


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "minilm":
            found |= {f"minilm.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    for module in _imports(path):
        other = _part(module)
        if other is not None:
            assert LEVEL[other] <= LEVEL[part], f"{path} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            docstring = (ast.get_docstring(node, clean=False) or "").count("\n")
            assert node.end_lineno - node.lineno - docstring <= 60, node.name


def test_every_kernel_has_a_reference() -> None:
    twins = {path.name for path in (PACKAGE / "reference").glob("*.py")}
    for path in (PACKAGE / "kernels").glob("*.py"):
        if "def forward(" in path.read_text(encoding="utf-8"):
            assert path.name in twins


def test_importing_starts_no_thread_and_loads_no_numpy() -> None:
    code = (
        "import sys, threading, minilm\n"
        "assert threading.active_count() == 1\n"
        "assert not {'numpy', 'numba', 'rich', 'tyro'} & set(sys.modules)\n"
        "import os\n"
        "tasks = '/proc/self/task'\n"
        "assert not os.path.exists(tasks) or len(os.listdir(tasks)) == 1\n"
        "assert minilm.GPTConfig().n_layer == 4\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_global_random_state() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random."):
                assert ast.unparse(node) in ("np.random.Generator", "np.random.Philox"), path
