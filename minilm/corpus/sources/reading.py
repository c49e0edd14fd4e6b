"""A part to its documents, whatever is wrong with the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from minilm.corpus import embedded
from minilm.corpus.documents import Document
from minilm.corpus.sources import html, markdown, parquet, records
from minilm.corpus.sources.config import SourceConfig
from minilm.corpus.sources.content import decode, whole
from minilm.corpus.sources.cutting import parts
from minilm.corpus.sources.piece import Part, Piece
from minilm.corpus.sources.problems import Errors, Report
from minilm.corpus.sources.splitting import sections

__all__ = ["documents", "read"]

Reader = Callable[[Piece, SourceConfig, Report], Iterator[Document]]


def documents(source: SourceConfig, errors: Errors | None = None) -> Iterator[Document]:
    """All documents of a source, one at a time: its parts, one after the other.

    Examples
    --------
    >>> first = next(documents(SourceConfig("docs", embedded="python-docs")))
    >>> first.id, first.text[:24]
    ('topics/assert', 'The "assert" statement\\n*')
    """
    errors = Errors() if errors is None else errors
    for part in parts(source):
        yield from read(part, errors=errors)


def read(
    part: Part, on_error: str | None = None, errors: Errors | None = None
) -> Iterator[Document]:
    """The documents of one part, in the order of its pieces.

    Parameters
    ----------
    part : Part
        From `minilm.corpus.sources.parts`.
    on_error : "stop", "skip" or "replace"
        By default what the source says.
    errors : Errors
        Counts what was wrong and what was left out for it.

    Raises
    ------
    MinilmError
        With "stop", at the first problem: what it is, and the file with line or byte.
    """
    source = part.source if on_error is None else replace(part.source, on_error=on_error)
    errors = Errors() if errors is None else errors
    report = partial(errors.found, on_error=source.on_error)
    for piece in part.pieces:
        yield from READERS[piece.kind](piece, source, report)


def _python_docs(piece: Piece, source: SourceConfig, report: Report) -> Iterator[Document]:
    for document in embedded.python_docs():
        yield replace(document, source=source.name)


def _python_code(piece: Piece, source: SourceConfig, report: Report) -> Iterator[Document]:
    # Nobody can mend the library's own files, so what is wrong with some is no problem here.
    text = embedded.python_text(piece.path)
    if text:
        yield Document(piece.name, text, source.name)


def _text(piece: Piece, source: SourceConfig, report: Report) -> Iterator[Document]:
    encoding, on_error = source.encoding, source.on_error
    for data, name, byte, line in sections(piece, source, report):
        text = decode(data, piece.path, encoding, on_error, report, byte, line)
        if text is None:
            continue
        if not text or text.isspace():
            report("empty", f"{piece.path}, line {line}: no text" if byte else _no_text(piece))
        else:
            yield Document(name, text, source.name)


def _code(piece: Piece, source: SourceConfig, report: Report) -> Iterator[Document]:
    def encoding(data: bytes) -> str:
        is_python = piece.path.lower().endswith((".py", ".pyi"))
        return (embedded.python_encoding(data) if is_python else "") or source.encoding

    return _one(piece, source, report, encoding, _same)


def _markdown(piece: Piece, source: SourceConfig, report: Report) -> Iterator[Document]:
    return _one(piece, source, report, lambda data: source.encoding, markdown.text_of)


def _html(piece: Piece, source: SourceConfig, report: Report) -> Iterator[Document]:
    def encoding(data: bytes) -> str:
        return html.declared_encoding(data) or source.encoding

    return _one(piece, source, report, encoding, html.text_of)


def _same(text: str) -> str:
    return text


def _one(
    piece: Piece,
    source: SourceConfig,
    report: Report,
    encoding: Callable[[bytes], str],
    extract: Callable[[str], str],
) -> Iterator[Document]:
    """The document of a file that holds one, if nothing is wrong with it."""
    data = whole(piece, source, report)
    if data is None:
        return
    text = decode(data, piece.path, encoding(data), source.on_error, report)
    if text is None:
        return
    try:
        text = extract(text)
    except ValueError as error:
        report("format", f"{piece.path} cannot be read as {piece.kind}: {error}")
        return
    if not text or text.isspace():
        report("empty", _no_text(piece))
    else:
        yield Document(piece.name, text, source.name)


def _no_text(piece: Piece) -> str:
    return f"{piece.path} has no text"


READERS: dict[str, Reader] = {
    "text": _text,
    "code": _code,
    "markdown": _markdown,
    "html": _html,
    "jsonl": records.read,
    "parquet": parquet.read,
    "python-docs": _python_docs,
    "python-code": _python_code,
}
