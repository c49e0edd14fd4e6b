"""A corpus of generated text on disk, and the truth about each of its documents.

Most documents are clean. Some are planted: edited and exact copies, quotations of a held-out
text, spam, mojibake; and files are damaged: lines that are no JSON, gzip members that are cut.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from benchmarks import corpus_dirt as dirt
from benchmarks.corpus_text import Writer

__all__ = ["HELD_OUT", "SIMILARITIES", "WEB", "Item", "Truth", "digest", "plant"]

WEB, HELD_OUT = "web", "held-out.txt"
SIMILARITIES = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
N = 13  # words in a row that contaminate

# Share of the documents; the rest are clean.
_SHARES = {
    "near": 0.05,
    "exact": 0.02,
    "quoting": 0.01,
    "quoting less": 0.005,
    "spam": 0.04,
    "mojibake": 0.02,
    "accented": 0.02,
    "no json": 0.002,
    "no text": 0.001,
    "no utf-8": 0.001,
}
BROKEN = {"no json": "json", "no text": "key", "no utf-8": "encoding"}
_MEMBER, _MEMBERS, _CUT = 150, 16, 0.03  # documents of a gzip member, members of a file; cut
_PLAIN = 20_000_000  # bytes of a file that is not compressed
_COMPRESSED = 0.4  # share of the files


def digest(text: str | bytes) -> bytes:
    """Tells texts apart."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.blake2b(data, digest_size=12).digest()


class Item(NamedTuple):
    """One document.

    Attributes
    ----------
    kind : str
        "clean", or what was planted.
    text : bytes
        Digest of the text that should reach the shards.
    detail : str
        The rule that should reject spam; the original of a copy.
    similarity : float
        Of an edited copy to its original.
    """

    kind: str
    text: bytes
    detail: str = ""
    similarity: float = 0.0


@dataclass
class Truth:
    """What was written, and what of it cannot be read any more.

    Attributes
    ----------
    items : dict
        Id -> Item, of all documents that a reader can find.
    faults : Counter
        Kind of fault, as `minilm.corpus.sources` counts them -> how many.
    bytes : int
        Of the texts.
    """

    items: dict[str, Item] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    bytes: int = 0


class _Line(NamedTuple):
    id: str
    data: bytes
    item: Item | None
    fault: str
    size: int


def plant(folder: Path, megabytes: float, seed: int = 0) -> Truth:
    """Write the corpus and the held-out text into a folder."""
    generator, truth = random.Random(seed), Truth()
    (folder / WEB).mkdir(parents=True)
    held_out = "\n".join(islice(Writer(2 * seed + 1).documents(), 40))
    (folder / HELD_OUT).write_text(held_out, encoding="utf-8")
    lines = _lines(Writer(2 * seed).documents(), held_out, generator)
    number = 0
    while truth.bytes < megabytes * 1e6:
        compressed = generator.random() < _COMPRESSED
        name = f"{number:05d}.jsonl" + ".gz" * compressed
        left = megabytes * 1e6 - truth.bytes
        with open(folder / WEB / name, "wb") as file:
            if compressed:
                _write_members(file, lines, truth, generator, left)
            else:
                _write_plain(file, lines, truth, left)
        number += 1
    return truth


def _lines(texts: Iterator[str], held_out: str, generator: random.Random) -> Iterator[_Line]:
    """Lines without end. Copies come some time after their originals."""
    waiting: list[_Line] = []
    kinds = [*_SHARES, "clean"]
    shares = [*_SHARES.values(), 1 - sum(_SHARES.values())]
    for number, text in enumerate(texts):
        if waiting and generator.random() < len(waiting) / 400:
            yield waiting.pop(generator.randrange(len(waiting)))
        kind = generator.choices(kinds, shares)[0]
        name = f"d{number}"
        if kind in BROKEN:
            yield _Line(name, _broken(kind, name, text), None, BROKEN[kind], len(text))
        elif kind in ("near", "exact"):
            yield _line(name, text, Item("clean", digest(text)))
            waiting.append(_copy(kind, name, text, generator))
        else:
            yield _planted(kind, name, text, held_out, generator)


def _copy(kind: str, name: str, text: str, generator: random.Random) -> _Line:
    if kind == "exact":
        other, similarity = dirt.copied(text), 1.0
    else:
        other = dirt.edited(text, generator.choice(SIMILARITIES), generator)
        similarity = dirt.similarity(text, other)
    return _line(name + "c", other, Item(kind, digest(other), name, similarity))


def _planted(kind: str, name: str, text: str, held_out: str, generator: random.Random) -> _Line:
    expected, detail = text, ""
    if kind.startswith("quoting"):
        n_words = N - 1 if kind == "quoting less" else generator.randint(N, 2 * N)
        expected = text = dirt.quoting(text, held_out, n_words, generator)
    elif kind == "spam":
        sort = generator.choice(list(dirt.SPAM))
        detail, text = dirt.SPAM[sort], dirt.spam(sort, text, generator)
    elif kind in ("mojibake", "accented"):
        expected = text = dirt.accented(text, generator)
        text = dirt.mojibake(text) if kind == "mojibake" else text
    return _line(name, text, Item(kind, digest(expected), detail))


def _line(name: str, text: str, item: Item) -> _Line:
    data = json.dumps({"id": name, "text": text}, ensure_ascii=False).encode()
    return _Line(name, data + b"\n", item, "", len(data))


def _broken(kind: str, name: str, text: str) -> bytes:
    if kind == "no text":
        return json.dumps({"id": name, "body": text}).encode() + b"\n"
    line = json.dumps({"id": name, "text": text}).encode()
    if kind == "no utf-8":
        return line[:-9] + b"\xff" + line[-9:] + b"\n"
    return line[: len(line) // 2] + b"\n"


def _note(truth: Truth, line: _Line) -> None:
    if line.item:
        truth.items[line.id] = line.item
    else:
        truth.faults[line.fault] += 1
    truth.bytes += line.size


def _write_plain(file: BinaryIO, lines: Iterator[_Line], truth: Truth, left: float) -> None:
    end = truth.bytes + min(left, _PLAIN)
    while truth.bytes < end:
        line = next(lines)
        file.write(line.data)
        _note(truth, line)


def _write_members(
    file: BinaryIO, lines: Iterator[_Line], truth: Truth, generator: random.Random, left: float
) -> None:
    """Some members, of which a few are cut; what stood behind the cut is gone."""
    end = truth.bytes + left
    for _ in range(_MEMBERS):
        member = list(islice(lines, _MEMBER))
        data = gzip.compress(b"".join(line.data for line in member), 1, mtime=0)
        readable = len(member)
        if generator.random() < _CUT:
            data = data[: int(len(data) * generator.uniform(0.2, 0.9))]
            readable = zlib.decompressobj(31).decompress(data).count(b"\n")
            truth.faults["compression"] += 1
        file.write(data)
        for line in member[:readable]:
            _note(truth, line)
        if truth.bytes >= end:
            return
