"""``minilm import``: a Hugging Face folder becomes a run."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from typing import Annotated, ClassVar

import tyro
from tyro.conf import Positional

from minilm.cli.formatting import to_json
from minilm.cli.options import described
from minilm.cli.progress import Silent

__all__ = ["Import"]


@dataclass(frozen=True)
class Import:
    """Make a run of a Hugging Face folder: config.json, safetensors weights, tokenizer files.

    Families: gpt2, llama, qwen2, qwen3, gpt_neox (Pythia), bert, roberta. Nothing is
    downloaded. What the folder has that would change the result and is not supported is
    refused by name. Remarks go to standard error.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm import FOLDER --out RUN", "open a Hugging Face model"),
    )

    folder: Annotated[Positional[str], described("FOLDER")]
    """Folder with config.json and model.safetensors, or its shards."""
    out: Annotated[str, described("RUN")]
    """Run folder to write; it must not hold anything yet."""
    ignore: Annotated[tuple[str, ...], described("FIELD"), tyro.conf.UseAppendAction] = ()
    """Pass over a field of config.json that is not supported; may be repeated."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Read, write, and say what it is."""
        from dataclasses import asdict

        from minilm.interop.importing import import_folder

        found = import_folder(self.folder, self.out, ignore=self.ignore)
        told = Silent(sys.stderr)
        for note in found.notes:
            told.note(note)
        c = found.config
        if self.json:
            summary = {"run": str(found.run), "family": found.family, "tokenizer": found.tokenizer}
            print(
                to_json(
                    summary
                    | {"parameters": c.n_parameters(), "model": asdict(c), "notes": found.notes}
                )
            )
            return 0
        layers = "1 layer" if c.n_layer == 1 else f"{c.n_layer} layers"
        print(
            f"{found.run}: {found.family}, {c.n_parameters():,} parameters, "
            f"{layers} of {c.n_embd} channels, {c.block_size:,} positions, "
            f"{c.vocab_size:,} tokens"
        )
        if found.ready and c.causal:
            print(f'Next: minilm sample {shlex.quote(str(found.run))} --prompt "The "')
        return 0
