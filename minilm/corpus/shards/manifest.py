"""What a folder of shards says about itself, in ``manifest.json``.

The manifest is written last. Its own digest stands in it, and those of all other files, so
whoever has the 64 digits of `Manifest.sha256` can tell whether any bit of the corpus changed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minilm.corpus.shards.files import whole
from minilm.errors import MinilmError
from minilm.storage import json_file

__all__ = ["DTYPES", "FORMAT", "MANIFEST", "SPLITS", "TOKENIZER", "Manifest", "Shard"]

MANIFEST, TOKENIZER = "manifest.json", "tokenizer.json"
FORMAT, VERSION = "minilm shards", 1
SPLITS = ("train", "val")
DTYPES = {"uint16": 2, "uint32": 4}  # bytes an id
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Shard:
    """One pair of files.

    Attributes
    ----------
    name : str
        ``train-00000``; the files are ``NAME.bin`` and ``NAME.idx``.
    documents, tokens : int
        End-of-text tokens count.
    bytes : int
        Of the text in UTF-8.
    sha256, index_sha256 : str
        Of the two files.
    """

    name: str
    documents: int
    tokens: int
    bytes: int
    sha256: str
    index_sha256: str

    @property
    def file(self) -> str:
        """The ids."""
        return f"{self.name}.bin"

    @property
    def index(self) -> str:
        """Where the documents start."""
        return f"{self.name}.idx"


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``.

    Attributes
    ----------
    dtype : "uint16" or "uint32"
        Of the ids, little endian.
    vocab_size : int
    end_of_text : int or None
        The id that ends each document.
    tokenizer_sha256 : str
        Of ``tokenizer.json``.
    train, val : tuple of Shard
    provenance : mapping
        How the corpus came to be: recipe, sources, version.
    """

    dtype: str
    vocab_size: int
    end_of_text: int | None
    tokenizer_sha256: str
    train: tuple[Shard, ...]
    val: tuple[Shard, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def split(self, name: str) -> tuple[Shard, ...]:
        """The shards of "train" or "val"."""
        return self.train if name == "train" else self.val

    @property
    def sha256(self) -> str:
        """Of everything else in the manifest: the digest of the whole corpus."""
        return hashlib.sha256(_canonical(self._fields())).hexdigest()

    def _fields(self) -> dict[str, Any]:
        return {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}

    def write(self, folder: Path) -> None:
        """Put it into the folder; until then the folder holds no corpus."""
        text = json.dumps({**self._fields(), "sha256": self.sha256}, indent=1, ensure_ascii=False)
        with whole(folder / MANIFEST) as file:
            file.write(text.encode() + b"\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a folder.

        Raises
        ------
        MinilmError
            If there is none, it is damaged or changed, or of a format that is not known.
        """
        path = folder / MANIFEST
        fields = json_file.read(path)
        if fields.pop("format", None) != FORMAT:
            raise MinilmError(f'{path} has no "format": "{FORMAT}"; name a folder of shards')
        version = fields.pop("version", None)
        if version != VERSION:
            raise MinilmError(f"{path} has version {version!r}, and this program reads {VERSION}")
        stated = fields.pop("sha256", None)
        try:
            found = _parse(fields)
        except (TypeError, ValueError) as error:
            raise MinilmError(f"{path} is not sound: {error}; build the corpus again") from None
        if found.sha256 != stated:
            raise MinilmError(
                f"{path} has changed: its content is not what its own digest says; "
                "restore it, or build the corpus again"
            )
        return found


def _canonical(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _parse(fields: dict[str, Any]) -> Manifest:
    """The manifest of these fields; TypeError or ValueError says what is wrong."""
    for name in SPLITS:
        if not isinstance(fields.get(name), list):
            raise TypeError(f"{name!r} is missing or not a list")
        fields[name] = tuple(_shard(name, i, item) for i, item in enumerate(fields[name]))
    found = Manifest(**fields)
    end = found.end_of_text
    if found.dtype not in DTYPES:
        raise ValueError(f"dtype is {found.dtype!r}")
    if type(found.vocab_size) is not int or not 0 < found.vocab_size <= 256 ** DTYPES[found.dtype]:
        raise ValueError(f"vocab_size is {found.vocab_size!r}")
    if end is not None and not (type(end) is int and 0 <= end < found.vocab_size):
        raise ValueError(f"end_of_text is {end!r}")
    if not isinstance(found.provenance, dict):
        raise TypeError("provenance is no table")
    _check_digest(found.tokenizer_sha256)
    return found


def _shard(split: str, number: int, fields: Any) -> Shard:
    shard = Shard(**fields)
    # Nothing from outside may lead out of the folder.
    if shard.name != f"{split}-{number:05d}":
        raise ValueError(f"shard {number} of {split} has the name {shard.name!r}")
    for key in ("documents", "tokens", "bytes"):
        value = getattr(shard, key)
        if type(value) is not int or not 0 <= value < 2**62:
            raise ValueError(f"{shard.name}: {key} is {value!r}")
    _check_digest(shard.sha256)
    _check_digest(shard.index_sha256)
    return shard


def _check_digest(text: Any) -> None:
    if not isinstance(text, str) or not _DIGEST.fullmatch(text):
        raise ValueError(f"{text!r} is no SHA-256")
