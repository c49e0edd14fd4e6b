"""Parquet: tables in columns, of which one has the text. Needs the extra ``minilm[parquet]``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from minilm.corpus import extra
from minilm.corpus.documents import Document
from minilm.corpus.sources import records
from minilm.corpus.sources.config import SourceConfig
from minilm.corpus.sources.piece import Piece
from minilm.corpus.sources.problems import Report

__all__ = ["read", "row_groups"]

_ROWS = 64  # at a time


def _arrow(module: str = "pyarrow") -> Any:
    return extra.load(module, "pyarrow", "parquet", "reading Parquet files")


def row_groups(path: str, part_bytes: int) -> Iterator[tuple[int | None, int | None]]:
    """Ranges of row groups, each of about part_bytes when decompressed.

    A file that cannot be parsed is one range (None, None); reading it tells what is wrong.
    """
    parquet = _arrow("pyarrow.parquet")
    try:
        metadata = parquet.read_metadata(path)
    except (OSError, _arrow().ArrowException):
        yield None, None
        return
    first, held = 0, 0
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).total_byte_size
        if held and held + size > part_bytes:
            yield first, group
            first, held = group, 0
        held += size
    yield first, metadata.num_row_groups


def read(piece: Piece, source: SourceConfig, report: Report) -> Iterator[Document]:
    """The documents of some row groups, each called by its id or by "FILE#ROW"."""
    path = piece.path
    try:
        size = os.stat(path).st_size
        if size != piece.size:
            report("changed", f"{path} has {size} bytes, but had {piece.size} when listed")
            return
        with _arrow("pyarrow.parquet").ParquetFile(path) as file:
            yield from _rows(file, piece, source, report)
    except FileNotFoundError:
        report("changed", f"{path} vanished after it was listed")
    except (OSError, _arrow().ArrowException) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        report("format", f"{path} cannot be read as Parquet: {why}")


def _rows(file: Any, piece: Piece, source: SourceConfig, report: Report) -> Iterator[Document]:
    names = file.schema_arrow.names
    wanted = [source.text_key, source.id_key, *(source.metadata_keys or ())]
    columns = names if source.metadata_keys is None else [n for n in names if n in wanted]
    metadata = file.metadata
    first, end = piece.first or 0, metadata.num_row_groups if piece.end is None else piece.end
    row = sum(metadata.row_group(group).num_rows for group in range(first))
    batches = file.iter_batches(
        _ROWS, row_groups=list(range(first, end)), columns=columns, use_threads=False
    )
    for batch in batches:
        table = {name: _values(batch.column(name)) for name in batch.schema.names}
        for i in range(batch.num_rows):
            record = {name: values[i] for name, values in table.items()}
            made = _document(record, row, piece, source, report)
            row += 1
            if made is not None:
                yield made


def _document(
    record: dict[str, Any], row: int, piece: Piece, source: SourceConfig, report: Report
) -> Document | None:
    def where() -> str:
        return f"{piece.path}, row {row}"

    for name, value in record.items():
        if isinstance(value, bytes):
            try:
                record[name] = value.decode()
            except UnicodeDecodeError as error:
                if name in (source.text_key, source.id_key):
                    report("encoding", f"{where()}: {name!r} is no utf-8 at byte {error.start}")
                    if source.on_error != "replace":
                        return None
                record[name] = value.decode(errors="replace")
    return records.document(record, f"{piece.name}#{row}", where, source, report)


def _values(array: Any) -> list[Any]:
    """Texts as bytes, since Parquet promises UTF-8 and nobody checks; the others as JSON has
    them."""
    arrow = _arrow()
    kind = array.type
    if arrow.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if arrow.types.is_string(kind) or arrow.types.is_string_view(kind):
        return array.cast(arrow.binary()).to_pylist()
    if arrow.types.is_large_string(kind):
        return array.cast(arrow.large_binary()).to_pylist()
    try:
        return [_plain(value) for value in array.to_pylist()]
    except UnicodeDecodeError:  # in a list or a structure
        return [None] * len(array)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
