"""What a recipe says about one source, checked before anything is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from minilm.corpus import embedded
from minilm.errors import MinilmError, did_you_mean

__all__ = ["FORMATS", "ON_ERROR", "SourceConfig", "build"]

FORMATS = ("auto", "text", "jsonl", "parquet", "markdown", "html", "code")
ON_ERROR = ("stop", "skip", "replace")
_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    tuple[str, ...] | None: "a list of texts",
}


@dataclass(frozen=True)
class SourceConfig:
    """One `[[source]]` table of a recipe.

    Attributes
    ----------
    name : str
        Names the source in documents, mixture and report; unique within a recipe.
    path : str
        A file, a folder (read with all below it), or a pattern with ``*``, ``?`` or ``**``.
    embedded : str
        Instead of a path: a corpus that Python carries, "python-docs" or "python-code".
    format : str
        One of `FORMATS`. "auto": by the name of each file, see `minilm.corpus.sources.kinds`.
    text_key, id_key : str
        Of JSON lines and Parquet. Only the default "id" may be missing in a record; the
        document is then called by its place in the file.
    metadata_keys : tuple of str or None
        Which other keys of a record go into the metadata; None: all.
    encoding : str
        Of text files; Python's name for it.
    on_error : str
        What happens to a document that cannot be read. "stop": a `MinilmError` with its
        place. "skip": left out and counted. "replace": bytes that are no text become U+FFFD,
        counted; what has no such remedy, like a JSON line that is none, is skipped.
    weight, epochs : float
    max_bytes : int
        What `minilm.corpus.mixture` takes of the source; 0: no limit.
    max_document_bytes : int
        Larger documents are not read, since a document is held in memory, with copies; but
        text files are cut into such as are not larger, behind blank lines or lines.
    """

    name: str
    path: str = ""
    embedded: str = ""
    format: str = "auto"
    text_key: str = "text"
    id_key: str = "id"
    metadata_keys: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    on_error: str = "stop"
    weight: float = 1.0
    epochs: float = 1.0
    max_bytes: int = 0
    max_document_bytes: int = 16 * 2**20

    def __post_init__(self) -> None:
        where = f"source {self.name!r}"
        if not self.name:
            raise MinilmError('a source has no name; give it one, like name = "books"')
        if bool(self.path) == bool(self.embedded):
            raise MinilmError(f"{where}: give either a path or an embedded corpus")
        if self.embedded and self.embedded not in embedded.NAMES:
            near = did_you_mean(self.embedded, embedded.NAMES)
            raise MinilmError(f"{where}: embedded = {self.embedded!r}{near}")
        for key, choices in (("format", FORMATS), ("on_error", ON_ERROR)):
            value = getattr(self, key)
            if value not in choices:
                raise MinilmError(f"{where}: {key} = {value!r}{did_you_mean(value, choices)}")
        for key in ("weight", "epochs", "max_bytes"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value >= 0):
                raise MinilmError(f"{where}: {key} = {value}: must be 0 or more")
        if self.max_document_bytes < 1:
            raise MinilmError(
                f"{where}: max_document_bytes = {self.max_document_bytes}: must be above 0"
            )
        _check_encoding(where, self.encoding, self.format)


def build(tables: Sequence[Mapping[str, Any]]) -> list[SourceConfig]:
    """The sources of a recipe from its `[[source]]` tables.

    Raises
    ------
    MinilmError
        Naming the source and the key at fault, or two sources of one name.

    Examples
    --------
    >>> build([{"name": "docs", "embedded": "python-docs", "weight": 2}])[0].weight
    2.0
    >>> build([{"name": "docs", "pth": "notes"}])
    Traceback (most recent call last):
        ...
    minilm.errors.MinilmError: source 'docs': unknown key pth; did you mean 'path'?
    """
    if not isinstance(tables, Sequence) or not all(isinstance(t, Mapping) for t in tables):
        raise MinilmError("the sources are a list of tables: write [[source]], each with a name")
    sources = [_one(table, number) for number, table in enumerate(tables, 1)]
    if not sources:
        raise MinilmError("there is no source; add a [[source]] with a name and a path")
    seen: set[str] = set()
    for source in sources:
        if source.name in seen:
            raise MinilmError(f"two sources are called {source.name!r}; give each its own name")
        seen.add(source.name)
    return sources


def _one(table: Mapping[str, Any], number: int) -> SourceConfig:
    where = f"source {table.get('name', number)!r}"
    hints = get_type_hints(SourceConfig)
    values: dict[str, Any] = {"name": ""}
    for key, value in table.items():
        if key not in hints:
            near = did_you_mean(key, [field.name for field in fields(SourceConfig)])
            raise MinilmError(f"{where}: unknown key {key}{near}")
        values[key] = _checked(f"{where}: {key}", value, hints[key])
    return SourceConfig(**values)


def _checked(where: str, value: Any, kind: Any) -> Any:
    if kind == tuple[str, ...] | None:
        if isinstance(value, list | tuple) and all(type(item) is str for item in value):
            return tuple(value)
    elif kind is float and type(value) is int:
        return float(value)
    elif type(value) is kind:
        return value
    raise MinilmError(f"{where} = {value!r}: expected {_WORDS[kind]}")


def _check_encoding(where: str, encoding: str, format: str) -> None:
    try:
        "".encode(encoding)
        b"a".decode(encoding, "replace")
    except (LookupError, ValueError):
        raise MinilmError(
            f"{where}: encoding = {encoding!r}: no such encoding of text; 'utf-8' and "
            "'latin-1' are the usual ones"
        ) from None
    if format in ("jsonl", "auto") and "\n".encode(encoding) != b"\n":
        raise MinilmError(
            f"{where}: encoding = {encoding!r}: its lines do not end in a plain line feed, so "
            'it is for whole files: give the format, like format = "text"'
        )
