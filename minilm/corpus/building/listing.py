"""What is to be read, and whether it is still what was read before."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from typing import Any

from minilm.corpus import embedded, sources
from minilm.corpus.building.settings import BuildConfig, DecontaminationConfig
from minilm.corpus.sources import Part, SourceConfig

__all__ = ["held_out_sources", "held_out_state", "list_parts", "state"]


def list_parts(config: BuildConfig) -> list[Part]:
    """The parts of all sources, in the order of the recipe.

    Raises
    ------
    MinilmError
        If a source has nothing to read.
    """
    return [part for source in config.sources for part in sources.parts(source)]


def held_out_sources(config: DecontaminationConfig | None) -> Iterator[SourceConfig]:
    """The texts that training must not see, as sources."""
    for name in () if config is None else config.against:
        if name in embedded.NAMES:
            yield SourceConfig(name=name, embedded=name)
        else:
            yield SourceConfig(name=name, path=name)


def held_out_state(config: DecontaminationConfig | None) -> list[Any]:
    """`state` of the texts that training must not see."""
    return [state(sources.parts(source)) for source in held_out_sources(config)]


def state(parts: Sequence[Part]) -> list[Any]:
    """What a later run compares: names, sizes and times of change of all files.

    Not where they lie, so that a build whose folders have moved goes on.
    """
    found: list[Any] = [platform.python_version()] if any(_embedded(p) for p in parts) else []
    for part in parts:
        pieces = [
            (piece.kind, piece.name, piece.size, piece.first, piece.end, _changed(piece.path))
            for piece in part.pieces
        ]
        found.append([part.source.name, part.number, pieces])
    return found


def _embedded(part: Part) -> bool:
    return bool(part.source.embedded)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return 0
