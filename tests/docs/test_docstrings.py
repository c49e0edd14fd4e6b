"""The site's reading of docstrings: nothing is lost, nothing but the documented forms is markup."""

import ast
import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
if not os.environ.get("MINILM_REQUIRE_DOCS"):
    pytest.importorskip("sphinx", reason="the extra minilm[docs] is not installed")

sys.path.insert(0, str(ROOT / "docs" / "_extensions"))
reader: Any = importlib.import_module("docstrings")
api: Any = importlib.import_module("api")
sys.path.pop(0)

from docutils import nodes  # noqa: E402
from docutils.core import publish_doctree  # noqa: E402
from docutils.parsers.rst import roles  # noqa: E402

roles.register_generic_role("py:obj", nodes.literal)
FILES = sorted((ROOT / "minilm").rglob("*.py"))


def parsed(docstring: str, *plain: str) -> nodes.document:
    """A docstring as a tree; what docutils warns of is an error."""
    text = "\n".join(reader.to_rst(docstring.splitlines(), plain))
    tree = publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 2})
    for message in list(tree.findall(nodes.system_message)):  # that the role is not docutils' own
        message.parent.remove(message)
    return tree


def words(text: str) -> list[str]:
    """What is read of a text: its words and symbols, without the marks that structure it."""
    text = re.sub(r"(?m)^-{3,}$|^ *(-|\d+\.) +(?=\S)", "", text)
    return re.findall(r"\w+|[^\w\s`:,]", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_word_of_a_docstring_is_lost(path: Path) -> None:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        docstring = ast.get_docstring(node) if isinstance(node, documented) else None
        if docstring:
            shown = parsed(docstring).astext()
            assert words(shown) == words(docstring), getattr(node, "name", path.name)


def test_formulas_stay_as_they_are() -> None:
    tree = parsed("What.\n\n    y = x * w_i  |z|\n\n    a: `b`_\n\nThen `x` * y_ and **z|.")
    (formula,) = tree.findall(nodes.literal_block)
    assert formula.astext() == "y = x * w_i  |z|\n\na: `b`_"
    assert [node.astext() for node in tree.findall(nodes.literal)] == ["x"]
    assert tree[-1].astext() == "Then x * y_ and **z|."


def test_lists_and_headings() -> None:
    tree = parsed(
        "The rule\n--------\n1. Take `a`\n   and b.\n2.  `c`     the rest\n\n- one\n- two"
    )
    assert [node.astext() for node in tree.findall(nodes.rubric)] == ["The rule"]
    items = [node.astext() for node in tree.findall(nodes.list_item)]
    assert items == ["Take a\nand b.", "c: the rest", "one", "two"]


def test_examples_are_code() -> None:
    tree = parsed("Sum.\n\nExamples\n--------\nIn words:\n\n>>> 1 * 2\n2\n")
    (example,) = tree.findall(nodes.doctest_block)
    assert example.astext() == ">>> 1 * 2\n2"


def entries(tree: nodes.document) -> list[tuple[str, ...]]:
    """The parts of each entry: its name, its type if any, its description."""
    found = tree.findall(nodes.definition_list_item)
    return [tuple(part.astext() for part in item if part.astext()) for item in found]


def test_entries_with_types() -> None:
    tree = parsed("F.\n\nParameters\n----------\na, b : int\n    The *sizes*.\nc : path\n")
    assert entries(tree) == [("a, b", "int", "The *sizes*."), ("c", "path")]


def test_entries_whose_description_follows_the_colon() -> None:
    tree = parsed(
        "F.\n\nParameters\n----------\na : how many of them there\n    may be\nb : held fixed"
    )
    assert entries(tree) == [("a", "how many of them there\nmay be"), ("b", "held fixed")]


def test_names_are_links_but_parameters_are_not() -> None:
    lines = reader.to_rst(["See `other.name`, not `x`, nor `x + 1`."], {"x"})
    assert re.findall(r":py:obj:`([^`]+)`", lines[0]) == ["other.name"]


def test_a_new_module_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "__init__.py").write_text(
        '"""All."""\nfrom p.new.part import f as g\n__all__ = ["g"]'
    )
    (tmp_path / "new" / "__init__.py").write_text('"""New."""')
    (tmp_path / "new" / "part.py").write_text('"""A part."""\ndef f(): "Does."\ndef _h(): pass\n')
    found = api.modules(tmp_path, "p")
    assert list(found) == ["p", "p.new", "p.new.part"]
    assert found["p.new.part"].own == {"f": "Does."}
    page = api.page(found["p"], found)
    assert ":py:obj:`p.g <p.new.part.f>`\n    Does." in page
    assert "new <new/index>" in page
