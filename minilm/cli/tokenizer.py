"""``minilm tokenizer``: learn a vocabulary, and use any on text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro

from minilm.cli.tokenizer_train import Train
from minilm.cli.tokenizer_use import Decode, Encode, Show

__all__ = ["Tokenizer"]


@dataclass(frozen=True)
class Tokenizer:
    """Byte-level BPE: learn a vocabulary (train), text to ids and back, look at tokens (show)."""

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm tokenizer train FILE.txt", "learn a vocabulary of byte pairs"),
        ('minilm tokenizer show "some text"', ""),
        ("minilm tokenizer encode FILE.txt --out FILE.npy", ""),
        ("minilm tokenizer decode FILE.npy", ""),
    )

    action: tyro.conf.OmitSubcommandPrefixes[
        tyro.conf.OmitArgPrefixes[
            Annotated[Train, tyro.conf.subcommand("train")]
            | Annotated[Encode, tyro.conf.subcommand("encode")]
            | Annotated[Decode, tyro.conf.subcommand("decode")]
            | Annotated[Show, tyro.conf.subcommand("show")]
        ]
    ]

    def run(self) -> int:
        """What was asked for."""
        return self.action.run()
