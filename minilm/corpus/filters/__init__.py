"""Quality filters with published rules: each keeps a document, or says which figure rejects it.

A filter is a `minilm.corpus.pipeline.Rule` with its thresholds as attributes. All are published
elsewhere, for text of the web in English; `build` makes them from the tables of a recipe.
"""

from __future__ import annotations

from minilm.corpus.filters.c4 import C4
from minilm.corpus.filters.fineweb import FineWeb
from minilm.corpus.filters.gopher import GopherQuality, GopherRepetition
from minilm.corpus.filters.table import NAMES, build

__all__ = ["C4", "NAMES", "FineWeb", "GopherQuality", "GopherRepetition", "build"]
