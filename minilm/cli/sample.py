"""``minilm sample``: text from a trained run, shown as it is produced."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from tyro.conf import Positional

from minilm.cli.formatting import printable, to_json
from minilm.cli.options import COUNT, NUMBER, WHOLE, described
from minilm.cli.progress import Silent

if TYPE_CHECKING:
    from minilm.generation.pretrained import Pretrained

__all__ = ["Sample"]

# Invisible characters that a text may well need: line breaks, tabs, joiners of emoji.
HARMLESS = "\n\t\u00ad\u200c\u200d"


@dataclass(frozen=True)
class Sample:
    """Write text with a trained run, from its best checkpoint.

    The text goes to standard output as it is produced, remarks go to standard error.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ('minilm sample RUN --prompt "The "', "write text with a trained run"),
        ("minilm sample RUN --n 3 --temperature 0.5 --max-tokens 200", ""),
        ("minilm sample RUN --temperature 0 --json", ""),
    )

    run_folder: Annotated[Positional[str], described("RUN")]
    """Folder that minilm pretrain wrote."""
    prompt: Annotated[str, described("TEXT")] = ""
    """Text to continue; without one the model begins a document."""
    temperature: Annotated[float, NUMBER, described(hint="(default: 0.8)")] = 0.8
    """Below 1 prefers likely tokens; 0 always takes the likeliest."""
    top_k: Annotated[int | None, COUNT, described()] = None
    """Draw from the N likeliest tokens only."""
    top_p: Annotated[float | None, NUMBER, described()] = None
    """Draw from the likeliest tokens that together have probability X (0 to 1)."""
    max_tokens: Annotated[int, WHOLE, described(hint="(default: 300)")] = 300
    """Stop after N tokens, if the model has not ended the document before."""
    seed: Annotated[int | None, WHOLE, described()] = None
    """Repeat a draw; without it the seed is new each time, and told."""
    n: Annotated[int, COUNT, described(hint="(default: 1)")] = 1
    """Number of texts, with seeds that follow one another."""
    json: Annotated[bool, described()] = False
    """Print one JSON object when all is written."""

    def run(self) -> int:
        """Load and write."""
        import minilm

        told = Silent(sys.stderr)
        model = minilm.load(self.run_folder, reporter=told)
        seed = secrets.randbelow(2**31) if self.seed is None else self.seed
        if self.seed is None and self.temperature > 0:
            told.note(f"seed {seed}")
        texts = []
        for i in range(self.n):
            if i and not self.json:
                print("-" * 20)
            # The same prompt draws the same remarks each time: once is enough.
            text = self._write(model, seed + i, tell=told.note if i == 0 else _nothing)
            texts.append({"seed": seed + i, "text": text})
        if self.json:
            summary = {"run": self.run_folder, "step": model.step, "prompt": self.prompt}
            print(to_json(summary | {"samples": texts, "notes": list(dict.fromkeys(model.notes))}))
        return 0

    def _write(self, model: Pretrained, seed: int, tell: Callable[[str], None]) -> str:
        """One continuation, shown piece by piece unless JSON is to come."""
        show = _nothing if self.json else _show
        pieces: list[str] = []
        for piece in model.stream(
            self.prompt,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=seed,
        ):
            # Not before the first piece: until then the prompt may yet be refused.
            if not pieces:
                for note in model.notes:
                    tell(note)
                show(self.prompt)
            pieces.append(piece)
            show(piece)
        show("\n" if pieces else self.prompt + "\n")
        return "".join(pieces)


def _show(text: str) -> None:
    """To standard output at once; on a terminal nothing that would steer it."""
    sys.stdout.write(printable(text, keep=HARMLESS) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def _nothing(text: str) -> None:
    """Shows nothing."""
