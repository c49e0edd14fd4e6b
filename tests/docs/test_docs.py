"""The pages: their code runs and prints what they show, their commands work, their links and
tables agree with the code.

``python tests/docs/relink.py`` renews line numbers, excerpts and tables after the code has moved;
with ``--outputs`` also what the Python blocks print.
"""

import ast
import contextlib
import contextvars
import importlib.util
import io
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minilm.backend import TWINS, using
from minilm.cli.main import main
from minilm.recipes import Recipe, load, names, override, pretrain, to_toml
from minilm.recipes.report import Report


def _script(name: str) -> Any:
    """A script that stands beside this file."""
    spec = importlib.util.spec_from_file_location(
        f"minilm_docs_{name}", Path(__file__).with_name(f"{name}.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


relink, transcripts = _script("relink"), _script("transcripts")

PAGES = relink.PAGES
NAMES = [page.relative_to(relink.ROOT).as_posix() for page in PAGES]
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")
# Below this a figure is rounding, which differs from machine to machine.
ROUNDING = 1e-8

RHYME = "One for the master, one for the dame, one for the little boy down the lane.\n"
PROGRAM = re.compile(r"^(?:\S*[/\\])?minilm(?:\.exe)?\s")


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with texts and a run, by the names that the pages use."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "FILE.txt").write_text(RHYME * 40, encoding="utf-8")
    (folder / "FOLDER").mkdir()
    shutil.copy(folder / "FILE.txt", folder / "FOLDER" / "text.txt")
    (folder / "benchmarks").mkdir()
    shutil.copy(relink.ROOT / "benchmarks" / "few_labels.toml", folder / "benchmarks")
    for name, n in (("train.jsonl", 30), ("test.jsonl", 6)):
        texts = [f"{('json', 'asyncio')[i % 2]} {n + i}" for i in range(n)]
        lines = [{"text": text, "label": i % 2} for i, text in enumerate(texts)]
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "texts.txt").write_text("one text\nand another\n", encoding="utf-8")
    recipe = override(Recipe(), ["source=" + str(folder / "FILE.txt"), "sample.max_tokens=5"])
    with using("reference"):
        pretrain.pretrain(_small(recipe), out=folder / "runs" / "docs-tour-1")
    return folder


@pytest.fixture
def here(small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which the test runs; whatever is trained there is small."""
    shutil.copytree(small_run, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    original = pretrain.pretrain

    def small_pretrain(recipe: Recipe, *, minutes: float = 0.0, **options: Any) -> Report:
        if recipe.data.source in ("python-docs", "python-code", "python-docstrings"):
            recipe = override(recipe, ["source=FILE.txt"])
        return original(_small(recipe), **options)

    monkeypatch.setattr(pretrain, "pretrain", small_pretrain)
    return tmp_path


def _small(recipe: Recipe) -> Recipe:
    """The recipe at a size that trains in a second; its other settings stay."""
    sizes = {"n_layer": 1, "n_head": 2, "n_embd": 16, "block_size": 16}
    if recipe.model.architecture == "gpt":
        sizes["n_kv_head"] = 0
    model = recipe.model.changed(**sizes)
    return override(
        replace(recipe, model=model),
        ["steps=4", "evaluate_every=2", "batch_size=2", "accumulation=1", "sample.max_tokens=5"],
    )


def _commands(page: str) -> Iterator[str]:
    """The lines that call minilm in a page's console and sh blocks."""
    for block in relink.blocks(page):
        if block.language not in ("console", "sh", "bash", "shell"):
            continue
        lines = block.text.replace("\\\n", " ").splitlines()
        if any(line.startswith("$ ") for line in lines):
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            for part in line.split("#")[0].split("&&"):
                if PROGRAM.match(part.strip() + " "):
                    yield part.strip()


def _run(command: str) -> tuple[int, str]:
    """Run a command of this program in this process; `> FILE` is obeyed."""
    words = shlex.split(command.replace("\\", "/"))[1:]
    words = ["runs/docs-tour-1" if word == "RUN" else word for word in words]
    words = ["FILE.txt" if word == "python-docstrings" else word for word in words]
    if "--data" in words:
        data = Path(words[words.index("--data") + 1])
        if not data.exists():
            shutil.copy("FILE.txt", data) if data.suffix else shutil.copytree("FOLDER", data)
    target = None
    if ">" in words:
        at = words.index(">")
        target, words = words[at + 1], words[:at]
    if "--plot" in words and importlib.util.find_spec("matplotlib") is None:
        at = words.index("--plot")
        words = words[:at] + words[at + 2 :]
    if words[:1] == ["gradcheck"]:
        words = words if len(words) > 1 else ["gradcheck", "layer_norm", "softmax"]
        words = words if "--twin" in words else [*words, "--twin", "reference"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), using("reference"):
        code = main(words)
    if target:
        Path(target).write_text(printed.getvalue(), encoding="utf-8")
    return code, printed.getvalue()


def alike(shown: str, printed: str) -> bool:
    """Equal words, and numbers equal but for the last digit shown or for rounding."""
    if NUMBER.sub("0", shown).split() != NUMBER.sub("0", printed).split():
        return False
    for a, b in zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True):
        digits, _, exponent = a.partition("e")
        last = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
        allowed = 1.001 * last if "." in a else 0.0
        small = max(abs(float(a)), abs(float(b))) < ROUNDING
        if abs(float(a) - float(b)) > allowed and not small:
            return False
    return True


def test_what_counts_as_alike() -> None:
    assert alike("loss 3.36  at step 10", "loss 3.37 at step 10\n")
    assert alike("x (2, 5) 3.0e-12 ok", "x (2, 5)  7.1e-11  ok")
    assert not alike("loss 3.36", "loss 3.39")
    assert not alike("step 10", "step 11")
    assert not alike("loss 3.36", "lost 3.36")
    assert not alike("error 3.0e-12", "error 3.0e-02")


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(
    "path", WITH_PYTHON, ids=lambda path: path.relative_to(relink.ROOT).as_posix()
)
def test_python_blocks_print_what_the_page_shows(path: Path, twin: str, here: Path) -> None:
    page = path.read_text(encoding="utf-8")

    def run() -> None:
        for block, following, printed in relink.outputs(page, path.name):
            shown = following.text if following else None
            assert shown is None or alike(shown, printed), (
                f"{path.name}, line {block.line}, shows\n{shown}\nbut the code prints\n{printed}"
            )

    with using(twin):
        contextvars.copy_context().run(run)


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_commands_work(path: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Transcripts are made anew by their script, at the reduced size."""
    ran = []

    def run(command: str) -> str:
        code, printed = _run(command) if PROGRAM.match(f"{command} ") else (0, "\n")
        assert code == 0, f"{command}: {capsys.readouterr().err}"
        assert printed, command
        ran.append(" ".join(shlex.split(command)))
        return printed

    page = path.read_text(encoding="utf-8")
    if transcripts.MARK in page:
        again = transcripts.renewed(page, run)
        before, after = ([call.command for call in transcripts.calls(p)] for p in (page, again))
        assert before == after
    for command in _commands(page):
        if " ".join(shlex.split(command)) not in ran:
            run(command)


def test_commands_are_found_in_all_their_forms() -> None:
    page = (
        "```sh\npython3 -m venv .venv && .venv/bin/minilm pretrain  # now\nls\n```\n"
        "```console\n$ minilm sample RUN \\\n  --n 2\nminilm: this is output\n```\n"
        "```console\nPS> dir\n.venv\\Scripts\\minilm pretrain\n```\n"
    )
    assert [shlex.split(c.replace("\\", "/")) for c in _commands(page)] == [
        [".venv/bin/minilm", "pretrain"],
        ["minilm", "sample", "RUN", "--n", "2"],
        [".venv/Scripts/minilm", "pretrain"],
    ]


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_derived_text_is_up_to_date(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert relink.refreshed(path) == page, "run: python tests/docs/relink.py"


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_lead_somewhere(path: Path) -> None:
    for match in relink.links(path.read_text(encoding="utf-8")):
        target = (path.parent / match["target"]).resolve() if match["target"] else path
        assert target.exists(), match[0]
        assert target.is_relative_to(relink.ROOT), match[0]
        anchor = (match["anchor"] or "").removeprefix("#")
        if target.suffix == ".md" and anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            slugs = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings]
            assert anchor in slugs, match[0]
        elif anchor:
            assert re.fullmatch(r"L\d+", anchor), match[0]


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_included_code_exists(path: Path) -> None:
    for target, name in relink.included(path.read_text(encoding="utf-8")):
        file = (path.parent / target).resolve()
        assert file.is_relative_to(relink.ROOT), target
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert name is None or relink.definition(tree, name), f"{target}: no {name}"


def test_included_code_is_found() -> None:
    page = (
        "```{literalinclude} ../a.py\n:language: py\n:pyobject: A.b\n```\n"
        "```{literalinclude} b.py\n```\n"
    )
    assert list(relink.included(page)) == [("../a.py", "A.b"), ("b.py", None)]


def test_equations_and_code_have_no_links() -> None:
    page = "$E[x](y)$ and\n$$\na[i](t)\n$$\n```\n[c](d)\n```\n[e](f) for 3 \\$ or [g](h)\n"
    assert [match["target"] for match in relink.links(page)] == ["f", "h"]


def test_every_page_can_be_reached() -> None:
    reached: set[Path] = set()
    waiting = [relink.DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page in PAGES:
            reached.add(page)
            found = relink.links(page.read_text(encoding="utf-8"))
            waiting += [(page.parent / match["target"]).resolve() for match in found]
    assert set(PAGES) - reached == {relink.ROOT / "README.md"}


def test_a_moved_definition_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relink, "ROOT", tmp_path)
    code = "X = 1\n\nclass A:\n    @property\n    def b(self) -> int:\n        return X + 41\n"
    (tmp_path / "a.py").write_text(code, encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text('[`A.b`](a.py#L1) [it](a.py#L9 "X + 41") [`X`](a.py#L3)', encoding="utf-8")
    assert relink.refreshed(page) == '[`A.b`](a.py#L5) [it](a.py#L6 "X + 41") [`X`](a.py#L1)'
    page.write_text("[`gone`](a.py#L1)", encoding="utf-8")
    with pytest.raises(ValueError, match="gone"):
        relink.refreshed(page)


def test_every_key_of_a_recipe_is_explained() -> None:
    page = (relink.ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    explained: set[str] = set()
    for match in relink.MARK.finditer(page):
        if match["kind"] == "keys":
            table, _ = relink.rows(page[match.end() :])
            assert all(row[3] for row in table), match["what"]
            explained |= {row[0].strip("`") for row in table[2:]}
    texts = [to_toml(load(name)) for name in names()]
    assert explained == set(re.findall(r"^(\w+) =", "".join(texts), re.M))


def test_records_have_the_keys_of_the_schema(small_run: Path) -> None:
    page = (relink.ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
    schema = {}
    for match in relink.MARK.finditer(page):
        if match["kind"] == "record":
            table, _ = relink.rows(page[match.end() :])
            schema[match["what"]] = {row[0].strip("`") for row in table[2:]}
    lines = (small_run / "runs" / "docs-tour-1" / "metrics.jsonl").read_text(encoding="utf-8")
    records = [json.loads(line) for line in lines.splitlines()]
    assert {record["kind"] for record in records} == set(schema)
    for record in records:
        assert set(record) - {"kind"} == schema[record["kind"]], record["kind"]
