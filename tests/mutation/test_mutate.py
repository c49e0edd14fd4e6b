"""The tool itself: which mutants there are, and that running one changes what it should."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from tests.mutation import plan, run
from tests.mutation.mutate import mutants
from tests.mutation.patch import Program

ROOT = Path(__file__).parents[2]


def source(body):
    return "def f(a, b, c):\n" + textwrap.indent(textwrap.dedent(body), "    ")


def changes(body, operator):
    return [m.change for m in mutants(source(body), "x.py") if m.operator == operator]


@pytest.mark.parametrize(
    ("body", "operator", "expected"),
    [
        ("return a + b", "sign", ["a + b -> a - b"]),
        ("return a - b", "term", ["a - b -> a", "a - b -> -b"]),
        ("return g(-a)", "sign", ["-a -> a"]),
        ("c = a * b", "sign", ["a * b -> -(a * b)"]),
        ("c += a", "sign", ["c += a -> c -= a"]),
        ("c += a", "term", ["c += a -> c = a"]),
        ("c += a", "drop", ["c += a -> nothing"]),
        ("return g(a * g(b))", "factor", ["a * g(b) -> a / g(b)", "a * g(b) -> g(b)"]),
        ("return 0.5 * a", "factor", ["0.5 * a -> 0.5 / a", "0.5 * a -> a", "0.5 -> 1.0"]),
        ("return a[1:b]", "index", ["a[1:b] -> a[2:b]", "a[1:b] -> a[1:b - 1]"]),
        ("return a[b, 2]", "index", ["a[b, 2] -> a[b + 1, 2]", "a[b, 2] -> a[b, 3]"]),
        ("return max(a, 0)", "axis", []),
        ("for i in range(a): g(i)", "index", ["range(a) -> range(a - 1)"]),
        ("return a.sum(axis=-1)", "axis", ["a.sum(axis=-1) -> a.sum(axis=0)"]),
        ("return a.mean(2)", "axis", ["a.mean(2) -> a.mean(1)"]),
        ("return a.transpose(0, 1, 2)", "axis",
         ["a.transpose(0, 1, 2) -> a.transpose(1, 0, 2)"]),
        ("return a.T", "transpose", ["a.T -> a"]),
        ("return a.swapaxes(2, 3)", "transpose", ["a.swapaxes(2, 3) -> a"]),
        ("return a @ b", "order", ["a @ b -> b @ a"]),
        ("return g(a, b, 1)", "order", ["g(a, b, 1) -> g(b, a, 1)"]),
        ("return a, b", "order", ["return (a, b) -> return (b, a)"]),
        ("a, b = g(c)", "order", ["a, b = g(c) -> b, a = g(c)"]),
        ("return a < b", "compare", ["a < b -> a <= b"]),
        ("return g(keepdims=True)", "boolean", ["True -> False"]),
        ("return a if b else c", "boolean", ["a if b else c -> a", "a if b else c -> c"]),
        ("if a: g()", "boolean", ["if a -> if not a"]),
        ("return a and b", "boolean", ["a and b -> a or b"]),
        ("b[a] = c", "drop", ["b[a] = c -> nothing"]),
        ("b = g(b)", "drop", ["b = g(b) -> nothing"]),
        ("d = g(b)", "drop", []),
        ("g(b)", "drop", ["g(b) -> nothing"]),
    ],
)  # fmt: skip
def test_operators(body, operator, expected):
    assert changes(body, operator) == expected


def test_another_field_of_saved():
    text = "class Saved:\n    x: int\n    y: int\n\ndef f(saved):\n    return saved.y\n"
    found = [m.change for m in mutants(text, "x.py") if m.operator == "saved"]
    assert found == ["saved.y -> saved.x"]


@pytest.mark.parametrize(
    "body",
    [
        '"""a + b."""',
        "raise ValueError(f'{a + b}')",
        "zip(strict=True)",
        "d: tuple[int, 3] = g",
        "import a",
    ],
)
def test_what_is_left_alone(body):
    assert [m for m in mutants(source(body), "x.py") if m.operator != "drop"] == []


def test_an_id_survives_that_its_line_moves():
    before = mutants(source("d = a * b\nreturn d + c"), "x.py")
    after = mutants("import math\n\n\n" + source("g()\nd = a * b\n\nreturn d + c"), "x.py")
    assert {m.id for m in before} < {m.id for m in after}
    other = mutants(source("d = a * c\nreturn d + c"), "x.py")
    assert {m.id for m in before} - {m.id for m in other} == {m.id for m in before if m.line == 2}


def test_a_mutant_differs_in_one_place_and_the_tree_stays():
    text = source("d = a * b\nreturn d + c")
    tree = ast.parse(text)
    for m in mutants(text, "x.py"):
        changed = ast.unparse(m.apply(tree)).splitlines()
        before = ast.unparse(tree).splitlines()
        assert sum(a != b for a, b in zip(before, changed, strict=True)) == 1, m
    assert ast.dump(tree) == ast.dump(ast.parse(text))


def everything():
    return [
        m
        for path in plan.files(run.PACKAGE)
        for m in mutants(path.read_text(), path.relative_to(run.PACKAGE).as_posix())
    ]


def test_all_ids_differ_and_all_mutants_compile():
    found = everything()
    assert len({m.id for m in found}) == len(found) >= 500
    trees = {}
    for m in found[::7]:
        tree = trees.setdefault(m.file, ast.parse((run.PACKAGE / m.file).read_text()))
        compile(ast.Module([m.apply(tree)], []), m.file, "exec")


def test_the_sample_takes_the_same_share_of_each_file_and_keeps_its_choice():
    found = everything()
    chosen = run.sample(found, 600, seed=1)
    assert abs(len(chosen) - 600) < 30
    assert {m.file for m in chosen} == {m.file for m in found}
    assert chosen == run.sample(found[::-1], 600, seed=1)[::-1]
    assert chosen != run.sample(found, 600, seed=2)


def test_every_listed_mutant_exists_and_has_a_reason():
    listed = run.equivalents()
    assert set(listed) <= {m.id for m in everything()}
    assert all(len(reason) > 20 for reason in listed.values())


def test_every_file_has_tests():
    for path in plan.files(run.PACKAGE):
        tests = plan.tests_of(path.relative_to(run.PACKAGE).as_posix(), ROOT)
        assert tests, path
        assert all((ROOT / test.file).exists() for test in tests), tests


def test_what_depends_on_a_change_is_run_again(tmp_path, monkeypatch):
    """With a package of its own: one module defines, one imports, one uses what that defines."""
    files = {
        "__init__": "",
        "low": "LIMIT = 2\ndef double(x):\n    return 2 * x\ndef other(x):\n    return x\n",
        "middle": "from small.low import double, other\nSIX = double(3)\n",
        "high": "from small.middle import SIX\ndef answer():\n    return SIX\n",
    }
    (tmp_path / "small").mkdir()
    for name, text in files.items():
        (tmp_path / "small" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("tests.mutation.patch.PACKAGE", "small")
    import small.high
    import small.low
    import small.middle

    program = Program()
    assert list(program.modules)[-3:] == ["small.low", "small.middle", "small.high"]
    other = small.low.other
    changed = ast.parse("def double(x):\n    return 5 * x").body[0]
    program.replace("small.low", 1, changed)
    assert (small.middle.SIX, small.high.answer()) == (15, 15)
    assert small.low.other is other
    program.repeat("small.low")
    assert small.high.answer() == 6
    assert small.low.other is not other
