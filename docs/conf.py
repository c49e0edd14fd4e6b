"""The site: these pages, and the API from the docstrings. It reads offline.

Built by ``python -m sphinx -W --keep-going -b html docs docs/_build/html``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent)]

from repository import linkcode_resolve  # noqa: E402, F401

project = "minilm"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.linkcode",
    "sphinx.ext.mathjax",
    "api",
    "repository",
    "signatures",
]
exclude_patterns = ["_build"]
needs_sphinx = "9.0"
smartquotes = False  # two hyphens are an option

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
myst_url_schemes = {"http": None, "https": None, "mailto": None, "repo": None}

add_module_names = False
autodoc_member_order = "bysource"
autodoc_default_options = {"undoc-members": True}
autodoc_class_signature = "mixed"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"NDArray": "NDArray"}
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# One file, which draws with its own outlines: no font, and nothing from elsewhere.
_mathjax = importlib.util.find_spec("sphinx-mathjax-offline")
if _mathjax is None or _mathjax.origin is None:
    raise ImportError("sphinx-mathjax-offline is missing: pip install '.[docs]'")
_tex = Path(_mathjax.origin).parent / "static" / "mathjax" / "tex-svg-full.js"
mathjax_path = _tex.name
mathjax3_config = {"options": {"enableMenu": False}, "svg": {"fontCache": "global"}}

html_theme = "furo"
html_title = "minilm"
html_static_path = ["_static", str(_tex)]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_domain_indices = False
html_use_index = False
html_show_search_summary = False  # a browser does not let files read each other
