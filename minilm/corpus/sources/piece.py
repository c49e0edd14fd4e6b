"""The units of reading: a file or a range of one, and the parts that workers take."""

from __future__ import annotations

from dataclasses import dataclass

from minilm.corpus.sources.config import SourceConfig

__all__ = ["Part", "Piece"]


@dataclass(frozen=True)
class Piece:
    """A file, or a range of a large one.

    Attributes
    ----------
    kind : str
        A format of `minilm.corpus.sources.kinds`, or the name of an embedded corpus.
    path : str
    name : str
        Of the document, or the beginning of the names of its documents.
    size : int
        Bytes of the file when it was listed; another size when it is read is a fault.
    first, end : int or None
        JSON lines: those that begin at the bytes [first, end). Parquet: row groups
        [first, end). None: the whole file.
    """

    kind: str
    path: str
    name: str
    size: int
    first: int | None = None
    end: int | None = None

    @property
    def n_bytes(self) -> int:
        """What reading it takes from the disk."""
        if self.kind == "jsonl" and self.first is not None and self.end is not None:
            return self.end - self.first
        return self.size


@dataclass(frozen=True)
class Part:
    """Some pieces of one source: the unit of work. It can be pickled.

    Attributes
    ----------
    source : SourceConfig
    number : int
        Its place among the parts of the source, from 0.
    pieces : tuple of Piece
    """

    source: SourceConfig
    number: int
    pieces: tuple[Piece, ...]

    @property
    def name(self) -> str:
        """Names it within a recipe."""
        return f"{self.source.name}-{self.number:05d}"

    @property
    def n_bytes(self) -> int:
        """What reading it takes from the disk, roughly."""
        return sum(piece.n_bytes for piece in self.pieces)
