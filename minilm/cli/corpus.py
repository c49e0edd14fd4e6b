"""``minilm corpus``: raw text into shards, and a look at what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro

from minilm.cli.corpus_build import Build
from minilm.cli.corpus_look import Inspect, Report, Sample

__all__ = ["Corpus"]


@dataclass(frozen=True)
class Corpus:
    """Raw text into clean, deduplicated, mixed and tokenised shards (build), and a look at them."""

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm corpus build CORPUS.toml --out DIR", "turn raw text into training shards"),
        ("minilm corpus inspect DIR", ""),
        ("minilm corpus report DIR", ""),
        ("minilm corpus sample DIR --rejected filters", ""),
    )

    action: tyro.conf.OmitSubcommandPrefixes[
        tyro.conf.OmitArgPrefixes[
            Annotated[Build, tyro.conf.subcommand("build")]
            | Annotated[Inspect, tyro.conf.subcommand("inspect")]
            | Annotated[Report, tyro.conf.subcommand("report")]
            | Annotated[Sample, tyro.conf.subcommand("sample")]
        ]
    ]

    def run(self) -> int:
        """What was asked for."""
        return self.action.run()
