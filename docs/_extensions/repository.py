"""Links to files of the repository, which work on a forge as they are, work in the site too.

The site has a page for each file of the package, and for each other file that one of the pages
links to, with an anchor for each line (`L35`, as forges name them). A link from a page
(``../minilm/errors.py#L12``) and the [source] beside each name of the API lead there; a link to
a folder leads to the API page of that package, else to a list of files. All of them are first
written as ``repo:minilm/errors.py#L12`` and resolved page by page.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, TOMLLexer
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer, PycodeError
from sphinx.util import logging

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LEXERS = {".py": PythonLexer(), ".toml": TOMLLexer()}
LINK = re.compile(
    r"^(?P<fence>```+).*?^(?P=fence)|\]\((?P<target>[^):#\s]+)(?P<rest>[^)]*)\)",
    re.MULTILINE | re.DOTALL,
)
NAVIGATION: WeakKeyDictionary[Sphinx, dict[Any, str]] = WeakKeyDictionary()
LOGGER = logging.getLogger(__name__)

Page = tuple[str, dict[str, Any], str]


@cache
def files() -> list[str]:
    """The source files that have a page, relative to the repository."""
    linked = {ROOT / "minilm"}
    for page in DOCS.rglob("*.md"):
        for match in LINK.finditer(page.read_text(encoding="utf-8")):
            place = place_of(page.relative_to(DOCS).as_posix(), match["target"] or ".")
            if is_source(place):
                linked.add(ROOT / place)
    found = linked | {path for folder in linked for path in folder.rglob("*")}
    found = {path for path in found if path.suffix in LEXERS}
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def place_of(page: str, target: str) -> str:
    """What a link of a page leads to, relative to the repository."""
    return posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))


def is_source(place: str) -> bool:
    """Whether the site shows it as source: it is no page, nor a picture of one."""
    return not f"{place}/".startswith("docs/") or Path(place).suffix in LEXERS


def mark_links(app: Sphinx, docname: str, source: list[str]) -> None:
    """Rewrite the links of a Markdown page that lead to source files."""

    def marked(match: re.Match[str]) -> str:
        place = place_of(docname, match["target"] or ".")
        return f"](repo:{place}{match['rest']})" if is_source(place) else match[0]

    source[0] = LINK.sub(marked, source[0])


def resolve_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn ``repo:`` links into relative ones; one that leads nowhere is a warning."""
    if app.builder.format != "html":
        return
    for node in doctree.findall(nodes.reference):
        uri = node.get("refuri", "")
        if not uri.startswith("repo:"):
            continue
        place, _, anchor = uri.removeprefix("repo:").partition("#")
        target = page_of(place, app.env.found_docs)
        if target is None:
            LOGGER.warning("no page for %s", place, location=node)
            continue
        uri = app.builder.get_relative_uri(docname, target)
        node["refuri"] = f"{uri}#{anchor}" if anchor else uri
        node["internal"] = True


def page_of(place: str, pages: set[str]) -> str | None:
    """The page that shows a file or a folder, if there is one."""
    if place in files():
        return f"source/{place}"
    api = posixpath.normpath(f"api/{place.removeprefix('minilm')}/index")
    if place.startswith("minilm") and api in pages:
        return api
    listed = any(file.startswith(f"{place}/") for file in files())
    return f"source/{place}/index" if listed else None


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Where a name of the API is defined."""
    try:
        analyzer = ModuleAnalyzer.for_module(info["module"])
        tags = analyzer.find_tags()
    except PycodeError:
        return None
    place = Path(analyzer.srcname).relative_to(ROOT).as_posix()
    name = info["fullname"]
    if name in tags:
        return f"repo:{place}#L{tags[name][1]}"
    for number, line in enumerate(analyzer.code.splitlines(), 1):
        if re.match(rf"{re.escape(name)}\b.*=", line):
            return f"repo:{place}#L{number}"
    return f"repo:{place}"


def source_pages(app: Sphinx) -> Iterator[Page]:
    """A page for each source file and each folder."""
    for place in files():
        yield file_page(app, place)
    for folder in sorted({parent for place in files() for parent in Path(place).parents}):
        if folder.name:
            yield folder_page(app, folder.as_posix())


def file_page(app: Sphinx, place: str) -> Page:
    """A source file with its lines numbered, and the way back to its API page."""
    docname = f"source/{place}"
    path = ROOT / place
    formatter = HtmlFormatter(linespans="L", wrapcode=True)
    code = highlight(path.read_text(encoding="utf-8"), LEXERS[path.suffix], formatter)
    code = re.sub(r'<span id="L-(\d+)">', r'<span id="L\1">', code)
    body = f"<h1>{html.escape(place)}</h1>\n"
    api = re.sub(r"/__init__$", "/index", place.removesuffix(".py")).replace("minilm", "api", 1)
    if api in app.env.found_docs:
        uri = app.builder.get_relative_uri(docname, api)
        body += f"<p><a class='reference internal' href='{uri}'>documentation</a></p>\n"
    body += f"<div class='source-file'>{code}</div>"
    return docname, {"title": place, "body": body, "parents": []}, "page.html"


def folder_page(app: Sphinx, folder: str) -> Page:
    """The list of the source files in a folder and below it."""
    docname = f"source/{folder}/index"
    items = []
    for place in files():
        if place.startswith(f"{folder}/"):
            uri = app.builder.get_relative_uri(docname, f"source/{place}")
            name = html.escape(place.removeprefix(f"{folder}/"))
            items.append(f"<li><a class='reference internal' href='{uri}'>{name}</a></li>")
    body = f"<h1>{html.escape(folder)}</h1>\n<ul>{''.join(items)}</ul>"
    return docname, {"title": folder, "body": body, "parents": []}, "page.html"


def share_navigation(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Source pages of one folder have the same navigation; making it is most of their cost."""
    if page.startswith("source/"):
        make, folder = context["toctree"], posixpath.dirname(page)
        context["toctree"] = lambda **options: _navigation(app, folder, make, **options)


def _navigation(app: Sphinx, folder: str, make: Callable[..., str], **options: Any) -> str:
    made = NAVIGATION.setdefault(app, {})
    key = (folder, *sorted(options.items()))
    if key not in made:
        made[key] = make(**options)
    return made[key]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    files.cache_clear()
    app.connect("source-read", mark_links)
    app.connect("doctree-resolved", resolve_links)
    app.connect("html-collect-pages", source_pages)
    app.connect("html-page-context", share_navigation, priority=100)  # before the theme's own
    return {"parallel_read_safe": True, "parallel_write_safe": True}
