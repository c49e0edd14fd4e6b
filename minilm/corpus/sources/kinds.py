"""What a file is, by its name: the format "auto", and which files of a folder are read.

    text       .txt .text .rst .adoc .org .tex
    markdown   .md .markdown
    html       .html .htm .xhtml
    jsonl      .jsonl .ndjson                     one JSON object a line
    parquet    .parquet
    code       .py .c .rs ..., the suffixes of `minilm.corpus.files`

All but Parquet may also end in .gz or .zst. A format that a recipe names reads more of a
folder: "text" also Markdown and code, as they are; "jsonl" also .json.
"""

from __future__ import annotations

from minilm.corpus import extra
from minilm.corpus.files import CODE, TEXT_SUFFIXES

__all__ = ["COMPRESSED", "SUFFIXES", "compression", "kind_of", "require", "wanted"]

COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
SUFFIXES: dict[str, frozenset[str]] = {
    "markdown": frozenset({".md", ".markdown"}),
    "html": frozenset({".html", ".htm", ".xhtml"}),
    "jsonl": frozenset({".jsonl", ".ndjson"}),
    "parquet": frozenset({".parquet"}),
    "code": frozenset(CODE.split()),
}
SUFFIXES["text"] = TEXT_SUFFIXES - SUFFIXES["code"] - SUFFIXES["markdown"]
_NAMED = {"text": TEXT_SUFFIXES, "jsonl": SUFFIXES["jsonl"] | {".json"}}


def compression(name: str) -> str:
    """How a file is compressed, by its name: "gzip", "zstd" or "".

    Examples
    --------
    >>> compression("a.jsonl.GZ"), compression("a.txt")
    ('gzip', '')
    """
    return COMPRESSED.get(_suffix(name), "")


def kind_of(name: str, format: str = "auto") -> str:
    """How a file is read that was named by itself: any name will do, and is text if unknown.

    Examples
    --------
    >>> kind_of("a.JSONL.gz"), kind_of("README"), kind_of("b.md", "text")
    ('jsonl', 'text', 'text')
    """
    if format != "auto":
        return format
    suffix = _suffix(_inner(name))
    named = (kind for kind, suffixes in SUFFIXES.items() if suffix in suffixes)
    return next(named, "jsonl" if suffix == ".json" else "text")


def wanted(name: str, format: str = "auto") -> bool:
    """Whether a file that was found in a folder is one to read."""
    suffix = _suffix(_inner(name))
    if format == "auto":
        return any(suffix in suffixes for suffixes in SUFFIXES.values())
    return suffix in _NAMED.get(format, SUFFIXES[format])


def require(kind: str, name: str) -> None:
    """Import what reading a file takes, so that a lack shows before hours of work.

    Raises
    ------
    MinilmError
        Naming the extra to install.
    """
    if compression(name) == "zstd":
        extra.load("zstandard", "zstandard", "corpus", f"reading {name}")
    if kind == "html":
        extra.load("resiliparse.extract.html2text", "resiliparse", "corpus", f"reading {name}")
    elif kind == "markdown":
        extra.load("markdown_it", "markdown-it-py", "corpus", f"reading {name}")
    elif kind == "parquet":
        extra.load("pyarrow.parquet", "pyarrow", "parquet", f"reading {name}")


def _inner(name: str) -> str:
    return name[: -len(_suffix(name))] if compression(name) else name


def _suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return dot + suffix.lower() if stem else ""
