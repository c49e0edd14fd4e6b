"""``minilm export``: a run becomes a Hugging Face folder."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar

from tyro.conf import Positional

from minilm.cli.formatting import to_json
from minilm.cli.options import described
from minilm.cli.progress import Silent

__all__ = ["Export"]


@dataclass(frozen=True)
class Export:
    """Write a run's best checkpoint as a folder that transformers opens.

    The family is the first that can express the model: gpt2, llama, qwen2, qwen3,
    gpt_neox, bert or roberta.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm export RUN FOLDER", "write a Hugging Face model"),
    )

    run_folder: Annotated[Positional[str], described("RUN")]
    """Folder that minilm pretrain or minilm import wrote."""
    folder: Annotated[Positional[str], described("FOLDER")]
    """Folder to write; it must not hold anything yet."""
    family: Annotated[str, described("NAME")] = ""
    """The family to write, where several can express the model."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Load, write, and say what it is."""
        from minilm.interop.exporting import export_run

        told = Silent(sys.stderr)
        done = export_run(self.run_folder, self.folder, family=self.family, reporter=told)
        if not done.tokenizer:
            told.note("the run has no tokenizer, so none is written")
        if self.json:
            print(to_json(asdict(done) | {"folder": str(done.folder)}))
            return 0
        print(f"{done.folder}: {done.family}, for {done.architecture} (step {done.step})")
        return 0
