"""The site: it builds without a warning, reads offline, has every operation, and no dead link.

Needs the extra ``minilm[docs]``; without it the tests are skipped, or fail if
``MINILM_REQUIRE_DOCS`` is set.
"""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NEEDED = ("sphinx", "myst_parser", "furo", "sphinx-mathjax-offline")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

pytestmark = pytest.mark.skipif(
    bool(MISSING) and not os.environ.get("MINILM_REQUIRE_DOCS"),
    reason=f"the extra minilm[docs] is not installed: {', '.join(MISSING)}",
)

OPERATIONS = sorted(
    path.stem
    for path in (ROOT / "minilm" / "reference").glob("*.py")
    if "def backward(" in path.read_text(encoding="utf-8") or path.stem == "adamw"
    if not path.stem.endswith("_bf16")  # these have one page: docs/mixed-precision.md
)
# Elements that make a browser load something, and the attributes that name it.
LOADS = {
    **dict.fromkeys(("script", "img", "iframe", "source", "video", "audio", "embed"), ("src",)),
    **dict.fromkeys(("link", "use", "image"), ("href", "xlink:href")),
    "object": ("data",),
}
STYLE_LOADS = re.compile(r"url\(\s*[\"']?([^\"')]*)|@import\s+[\"']([^\"']*)")
OUTSIDE = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)


class Page(HTMLParser):
    """What a page loads, what it links to, and the anchors it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.equations: list[str] = []
        self._within = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self._within = tag
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        self.loads += [found[name] for name in LOADS.get(tag, ()) if name in found]
        self.loads += styled(found.get("style", ""))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if "math notranslate" in found.get("class", ""):
            self._within = "equation"
            self.equations.append("")

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "style":
            self.loads += styled(data)
        elif self._within == "script":
            self.loads += re.findall(r"https?://[^\s\"']*", data)
        elif self._within == "equation":
            self.equations[-1] += data


def styled(style: str) -> list[str]:
    """What a style sheet loads."""
    return ["".join(groups) for groups in STYLE_LOADS.findall(style)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:
    """The folder of the built site, and how its building went."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    places = ["-d", str(folder / "doctrees"), str(DOCS), str(folder / "html")]
    done = subprocess.run([*command, *places], capture_output=True, text=True, check=False)
    return folder / "html", done


@pytest.fixture(scope="module")
def site(built: tuple[Path, subprocess.CompletedProcess]) -> Path:
    """The folder of the built site."""
    return built[0]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Its pages."""
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_it_builds_without_a_warning(built: tuple[Path, subprocess.CompletedProcess]) -> None:
    assert built[1].returncode == 0, built[1].stderr
    assert not built[1].stderr


def test_nothing_comes_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        outside = [target for target in page.loads if OUTSIDE.match(target)]
        assert not outside, path.relative_to(site)
    for path in site.rglob("*.css"):
        style = path.read_text(encoding="utf-8")
        assert not [target for target in styled(style) if OUTSIDE.match(target)], path.name


def test_what_would_come_from_elsewhere_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        '<script async src="https://a/b.js"></script><link rel=stylesheet href=//a/b.css>'
        '<img alt="" src="http://a/b.png"><p style="background: url(https://a/c.png)">'
        '<style>@import "https://a/d.css";</style><script>load("https://a")</script>'
        '<a href="https://a">only a link, style="url(https://a)"</a>',
        encoding="utf-8",
    )
    assert sum(bool(OUTSIDE.match(target)) for target in Page(path).loads) == 6


def test_equations_have_their_renderer(site: Path, pages: dict[Path, Page]) -> None:
    page = pages[site / "operations" / "softmax.html"]
    assert page.equations
    (script,) = {target.partition("?")[0] for target in page.loads if "tex-svg" in target}
    assert (page.path.parent / script).is_file()


def test_every_internal_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    dead = []
    for path, page in pages.items():
        for target in {*page.links, *page.loads}:
            if re.match(r"[a-z]+:", target) or OUTSIDE.match(target):
                continue
            place, _, anchor = target.partition("#")
            place = unquote(place.partition("?")[0])
            file = Path(os.path.normpath(path.parent / place)) if place else path
            is_found = file in pages if file.suffix == ".html" else file.is_file()
            if not is_found or (anchor and unquote(anchor) not in pages[file].anchors):
                dead.append(f"{path.relative_to(site)}: {target}")
    assert not dead


def test_every_operation_has_its_page(site: Path) -> None:
    assert len(OPERATIONS) > 13
    index = (DOCS / "operations" / "index.md").read_text(encoding="utf-8")
    tree = re.search(r"```\{toctree\}.*?```", index, re.DOTALL)
    assert tree is not None
    for name in OPERATIONS:
        assert (site / "operations" / f"{name}.html").is_file(), name
        assert re.search(rf"(?m)^{name}$", tree[0]), f"not in the table of contents: {name}"


def test_every_public_name_has_an_anchor(site: Path, pages: dict[Path, Page]) -> None:
    for path in sorted((ROOT / "minilm").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1].startswith("_") and parts[-1] != "__init__":
            continue
        module = ".".join(part for part in parts if part != "__init__")
        place = "/".join([*parts[1:-1], "index" if parts[-1] == "__init__" else parts[-1]])
        anchors = pages[site / "api" / f"{place}.html"].anchors
        assert f"module-{module}" in anchors
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        public = {node.name for node in named if not node.name.startswith("_")}
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                public &= set(ast.literal_eval(node.value))
        assert {f"{module}.{name}" for name in public} <= anchors


def test_links_to_the_source_name_their_line(site: Path, pages: dict[Path, Page]) -> None:
    page = pages[site / "api" / "reference" / "layer_norm.html"]
    source = ROOT / "minilm" / "reference" / "layer_norm.py"
    lines = source.read_text(encoding="utf-8").splitlines()
    named = [lines[int(link.partition("#L")[2]) - 1] for link in page.links if "#L" in link]
    assert [line.split("(")[0] for line in named] == ["class Saved", "def forward", "def backward"]
    shown = pages[site / "source" / "minilm" / "reference" / "layer_norm.py.html"]
    assert {f"L{number}" for number in range(1, len(lines) + 1)} <= shown.anchors


def test_equations_are_free_of_errors(site: Path, pages: dict[Path, Page], tmp_path: Path) -> None:
    """MathJax itself reads every equation, where Node.js is there to run it."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js")
    equations = [
        (path.relative_to(site).as_posix(), text)
        for path, page in pages.items()
        for text in page.equations
    ]
    assert len(equations) > 100
    equations.append(("planted", r"\(\frac{a}{b\)"))
    (tmp_path / "equations.json").write_text(json.dumps(equations), encoding="utf-8")
    (tmp_path / "check.js").write_text(CHECK, encoding="utf-8")
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    assert spec is not None
    assert spec.origin is not None
    mathjax = Path(spec.origin).parent / "static" / "mathjax"
    command = [node, str(tmp_path / "check.js"), str(mathjax), str(tmp_path / "equations.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "planted: Missing close brace: \\frac{a}{b\n", done.stdout + done.stderr


CHECK = r"""
const [folder, file] = process.argv.slice(2);
const equations = JSON.parse(require("fs").readFileSync(file));
require(folder + "/node-main.js").init({
  loader: {load: ["input/tex-full"]},
  tex: {packages: {"[-]": ["bussproofs", "noerrors", "noundefined"]}},
}).then((MathJax) => {
  for (const [page, text] of equations) {
    const tex = text.trim().replace(/^\\[(\[]|\\[)\]]$/g, "");
    const found = MathJax.tex2mml(tex, {display: true}).match(/data-mjx-error="([^"]*)"/);
    if (found) console.log(`${page}: ${found[1]}: ${tex}`);
  }
}).catch((error) => console.log(error));
"""
