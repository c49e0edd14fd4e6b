"""Documents from files: text, code, Markdown, HTML, JSON lines and Parquet, also compressed.

    source = SourceConfig("archive", "data/", on_error="skip")
    errors = Errors()
    for part in parts(source):          # each on a worker of its own, in any order
        for document in read(part, errors=errors):
            ...

`documents(source)` is both loops. What is wrong with a file never passes unnoticed: it stops
the reading with its place, or is counted in `Errors`.
"""

from __future__ import annotations

from minilm.corpus.sources.config import SourceConfig, build
from minilm.corpus.sources.cutting import parts
from minilm.corpus.sources.piece import Part, Piece
from minilm.corpus.sources.problems import Errors
from minilm.corpus.sources.reading import documents, read

__all__ = ["Errors", "Part", "Piece", "SourceConfig", "build", "documents", "parts", "read"]
