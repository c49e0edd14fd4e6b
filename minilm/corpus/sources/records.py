"""JSON lines: one object a line, of which one key has the text.

A part of a large file has the lines that begin in its range of bytes: it looks for the first
line end from one byte before its range on, and reads the last line to its end, so that
neighbours neither miss nor share a line and nobody has to read the file to cut it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

from minilm.corpus.documents import Document
from minilm.corpus.sources.config import SourceConfig
from minilm.corpus.sources.content import blocks, repair, too_large
from minilm.corpus.sources.lines import split
from minilm.corpus.sources.piece import Piece
from minilm.corpus.sources.problems import Errors, Report

__all__ = ["document", "read"]

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
# A character of the text takes up to 6 bytes as an escape, where UTF-8 has 1 to 3.
_LINE_PER_TEXT = 6


def read(piece: Piece, source: SourceConfig, report: Report) -> Iterator[Document]:
    """The documents of a file of JSON lines, or of a range of one; blank lines are passed.

    Of bytes that may be wrong, lines are believed up to the first faulty one: it and what
    follows belong to a failure that has been reported.
    """
    first, end = piece.first or 0, piece.end
    base = max(first - 1, 0)
    before = _Newlines(piece.path, base)
    limit = _LINE_PER_TEXT * source.max_document_bytes
    disbelieved = 0
    for line in split(blocks(piece, report, base), limit):
        offset = base + line.offset
        if end is not None and offset >= end:
            break
        if first and line.offset == 0:  # the end of a line of the part before
            continue

        def where(number: int = line.number) -> str:
            return f"{piece.path}:{before() + number}"

        name = f"{piece.name}#{offset}"
        if not line.doubt:
            made = _made(line.data, name, where, source, report, offset == 0)
        elif line.doubt == disbelieved:
            continue
        else:
            faults = Errors()
            quiet = partial(faults.found, on_error="skip")
            made = _made(line.data, name, where, source, quiet, offset == 0)
            if faults.counts:
                disbelieved = line.doubt
                continue
        if made is not None:
            yield made


def _made(
    data: bytes | None,
    name: str,
    where: Callable[[], str],
    source: SourceConfig,
    report: Report,
    is_first: bool,
) -> Document | None:
    """The document of a line, if it has one and nothing is wrong with it."""
    if data is None:
        report("size", too_large(where(), source))
        return None
    if not data or data.isspace():
        return None
    data = data.removeprefix(b"\xef\xbb\xbf") if is_first else data
    record = _parse(data, where, source, report)
    return None if record is None else document(record, name, where, source, report)


class _Newlines:
    """How many lines end before a byte of a file: counted when somebody asks, and once."""

    def __init__(self, path: str, end: int) -> None:
        self.path, self.end = path, end
        self.count = 0 if end == 0 else -1

    def __call__(self) -> int:
        if self.count < 0:
            self.count = 0
            with open(self.path, "rb") as file:
                edges = range(0, self.end, 2**20)
                for start, stop in pairwise((*edges, self.end)):
                    self.count += file.read(stop - start).count(b"\n")
        return self.count


def _parse(
    data: bytes, where: Callable[[], str], source: SourceConfig, report: Report
) -> dict[str, Any] | None:
    try:
        text = data.decode(source.encoding)
    except UnicodeError as error:
        report("encoding", f"{where()}: no {source.encoding}: {_reason(error)}")
        if source.on_error != "replace":
            return None
        text = data.decode(source.encoding, "replace")
    try:
        found = json.loads(text)
        halves = _HALF_PAIR.search(text) and _repaired(found)
    except json.JSONDecodeError as error:
        report("json", f"{where()}: not JSON: {error.msg} at column {error.pos + 1}")
        return None
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        report("json", f"{where()}: not JSON of any use: {why}")
        return None
    if not isinstance(found, dict):
        report("json", f"{where()}: not a JSON object but {_name(found)}")
        return None
    if halves and halves != found:
        report("encoding", f"{where()}: an escape that is half a pair of surrogates")
        if source.on_error != "replace":
            return None
        found = halves
    return found


def document(
    record: Mapping[str, Any],
    place: str,
    where: Callable[[], str],
    source: SourceConfig,
    report: Report,
) -> Document | None:
    """The document of a record; None, and reported, if it has no text of a size to hold.

    `place` is its id if the record has none, `where` gives its place for messages.
    """
    text = record.get(source.text_key)
    if not isinstance(text, str):
        report("key", f"{where()}: {_lack(record, source.text_key, 'text_key')}")
        return None
    key = record.get(source.id_key)
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str) or not key:
        if source.id_key != "id":
            report("key", f"{where()}: {_lack(record, source.id_key, 'id_key')}")
            return None
        key = place
    if not text or text.isspace():
        report("empty", f"{where()}: the text is empty")
        return None
    limit = source.max_document_bytes
    if len(text) * 4 > limit and len(text.encode("utf-8", "surrogatepass")) > limit:
        report("size", too_large(where(), source))
        return None
    keys = record if source.metadata_keys is None else source.metadata_keys
    own = (source.text_key, source.id_key)
    metadata = {key: record[key] for key in keys if key in record and key not in own}
    return Document(key, text, source.name, metadata)


def _lack(record: Mapping[str, Any], key: str, option: str) -> str:
    if key in record:
        return f"the key {key!r} has {_name(record[key])}, not a text"
    others = ", ".join(repr(name[:40]) for name in list(record)[:8]) or "no keys"
    return f"no key {key!r} but {others}; {option} names another"


def _name(value: Any) -> str:
    kinds = {list: "a list", dict: "an object", str: "a text", bool: "true or false"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _reason(error: UnicodeError) -> str:
    if not isinstance(error, UnicodeDecodeError):
        return str(error)
    return f"{error.reason} at byte {error.start} of the line"


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return repair(value)
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {repair(key): _repaired(item) for key, item in value.items()}
    return value
