"""``minilm sample``: text from a trained run, shown as it is produced.

With ``--prefix`` and ``--suffix`` that is what belongs between the two.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from tyro.conf import Positional

from minilm.cli.formatting import printable, to_json
from minilm.cli.options import COUNT, NUMBER, WHOLE, described
from minilm.cli.progress import Silent, is_live
from minilm.errors import MinilmError, did_you_mean

if TYPE_CHECKING:
    from minilm.generation.pretrained import Pretrained

__all__ = ["Sample"]

# Invisible characters that a text may well need: line breaks, tabs, joiners of emoji.
HARMLESS = "\n\t\u00ad\u200c\u200d"
MIDDLE = "bold green"  # of what fills a hole
HOLE = "<|hole|>"
PRECISIONS = ("float32", "bf16")


@dataclass(frozen=True)
class Sample:
    """Write text with a trained run, from its best checkpoint.

    The text goes to standard output as it is produced, remarks go to standard error. With
    --prefix or --suffix it is what belongs between them, in a colour of its own on a terminal.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ('minilm sample RUN --prompt "The "', "write text with a trained run"),
        ("minilm sample RUN --n 3 --temperature 0.5 --max-tokens 200", ""),
        ("minilm sample RUN --temperature 0 --json", ""),
        ("minilm sample RUN --precision bf16", ""),
        ('minilm sample RUN --prefix "def " --suffix "(self):"', ""),
    )

    run_folder: Annotated[Positional[str], described("RUN")]
    """Folder that minilm pretrain wrote."""
    prompt: Annotated[str, described("TEXT")] = ""
    """Text to continue; without one the model begins a document."""
    prefix: Annotated[str | None, described("TEXT")] = None
    """What stands before a hole to fill, by a run of the objective fill_in_middle."""
    suffix: Annotated[str | None, described("TEXT")] = None
    """What stands after it."""
    hole: Annotated[str | None, described("FILE")] = None
    """Fill the place that <|hole|> marks in this file, instead of --prefix and --suffix."""
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
    precision: Annotated[str | None, described("NAME", hint="(default: float32)")] = None
    """bf16: rounds the weights to bfloat16, for faster writing on any processor."""
    n: Annotated[int, COUNT, described(hint="(default: 1)")] = 1
    """Number of texts, with seeds that follow one another."""
    json: Annotated[bool, described()] = False
    """Print one JSON object when all is written."""

    def run(self) -> int:
        """Load and write."""
        import minilm
        from minilm.objectives.middle import Marks

        before, after = self._sides
        if self.precision not in (None, *PRECISIONS):
            near = did_you_mean(str(self.precision), PRECISIONS)
            raise MinilmError(f"--precision {self.precision!r}{near}")
        remarks = _Remarks(Silent(sys.stderr))
        model = minilm.load(self.run_folder, reporter=remarks.reporter)
        if self.precision == "bf16":
            model.half()
        if self._has_hole:
            Marks.of(model.tokenizer)  # or else it cannot fill, and no seed need be told
        seed = secrets.randbelow(2**31) if self.seed is None else self.seed
        if self.seed is None and self.temperature > 0:
            remarks.reporter.note(f"seed {seed}")
        texts = []
        for i in range(self.n):
            if i and not self.json:
                print("-" * 20)
            texts.append({"seed": seed + i, "text": self._write(model, seed + i, remarks)})
        if self.json:
            asked = {"prefix": before, "suffix": after} if self._has_hole else {"prompt": before}
            summary = {"run": self.run_folder, "step": model.step, **asked}
            print(to_json(summary | {"samples": texts, "notes": list(dict.fromkeys(model.notes))}))
        return 0

    @property
    def _has_hole(self) -> bool:
        return (self.prefix, self.suffix, self.hole) != (None, None, None)

    @property
    def _sides(self) -> tuple[str, str]:
        """What stands before and after what is to be written."""
        if not self._has_hole:
            return self.prompt, ""
        if self.prompt:
            raise MinilmError(
                "--prompt continues a text, --prefix, --suffix and --hole fill a hole: "
                "give the one or the others"
            )
        if self.hole is None:
            return self.prefix or "", self.suffix or ""
        if (self.prefix, self.suffix) != (None, None):
            raise MinilmError("--hole brings both sides; leave --prefix and --suffix out")
        return _sides_in(self.hole)

    def _write(self, model: Pretrained, seed: int, remarks: _Remarks) -> str:
        """One text, shown piece by piece unless JSON is to come."""
        show: Callable[..., None] = _nothing if self.json else _show
        before, after = self._sides
        pieces: list[str] = []
        for piece in self._pieces(model, seed):
            # Not before the first piece: until then the prompt may yet be refused.
            if not pieces:
                remarks.tell(model.notes)
                show(before)
            pieces.append(piece)
            show(piece, MIDDLE if self._has_hole else "")
        show(after + "\n" if pieces else before + after + "\n")
        remarks.tell(model.notes)
        return "".join(pieces)

    def _pieces(self, model: Pretrained, seed: int) -> Iterator[str]:
        from minilm.generation.infilling import fill

        drawing: dict[str, Any] = {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "seed": seed,
        }
        if self._has_hole:
            return fill(model, *self._sides, **drawing)
        return model.stream(self.prompt, **drawing)


def _sides_in(path: str) -> tuple[str, str]:
    """What stands before and after the mark in a file."""
    from minilm.tokenizers.bpe.streaming import file_blocks

    text = b"".join(file_blocks(path)).decode()
    if text.count(HOLE) != 1:
        raise MinilmError(
            f"{path} has {text.count(HOLE)} marks {HOLE}; put one where text is missing"
        )
    before, _, after = text.partition(HOLE)
    return before, after


@dataclass(frozen=True)
class _Remarks:
    """Tells each remark once, however many texts draw it."""

    reporter: Silent
    told: set[str] = field(default_factory=set)

    def tell(self, notes: list[str]) -> None:
        for note in notes:
            if note not in self.told:
                self.told.add(note)
                self.reporter.note(note)


def _show(text: str, style: str = "") -> None:
    """To standard output at once; on a terminal nothing that would steer it."""
    if sys.stdout.isatty():
        text = printable(text, keep=HARMLESS)
        if style and is_live(sys.stdout) and "NO_COLOR" not in os.environ:
            from rich.style import Style

            text = Style.parse(style).render(text)
    sys.stdout.write(text)
    sys.stdout.flush()


def _nothing(text: str, style: str = "") -> None:
    """Shows nothing."""
