"""``minilm fill``: what may stand in the gaps of a text."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from tyro.conf import Positional

from minilm.cli.formatting import printable, to_json
from minilm.cli.options import COUNT, described
from minilm.cli.progress import Silent

if TYPE_CHECKING:
    from minilm.evaluation.masked import Gap

__all__ = ["Fill"]


@dataclass(frozen=True)
class Fill:
    """Fill the gaps of a text, each marked [MASK], with the tokens that a trained run finds likely.

    The model reads both sides of a gap. Several gaps are filled each by itself.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ('minilm fill RUN "The [MASK] fox"', "fill the gaps of a text"),
        ('minilm fill RUN "The [MASK] of a [MASK]" --top 3', ""),
        ('minilm fill RUN "for i in [MASK]" --json', ""),
    )

    run_folder: Annotated[Positional[str], described("RUN")]
    """Folder of a run that learned from masked tokens, or of an imported BERT."""
    text: Annotated[Positional[str], described("TEXT")]
    """Text with at least one [MASK]."""
    top: Annotated[int, COUNT, described(hint="(default: 5)")] = 5
    """Show the N likeliest tokens for each gap."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Load, fill and print."""
        import minilm

        model = minilm.load_masked(self.run_folder, reporter=Silent(sys.stderr))
        gaps = model.fill(self.text, top=self.top)
        filled = model.complete(self.text)
        if self.json:
            found = [
                {"position": gap.position, "guesses": [guess._asdict() for guess in gap.guesses]}
                for gap in gaps
            ]
            summary = {"run": self.run_folder, "step": model.step, "text": self.text}
            print(to_json({**summary, "filled": filled, "gaps": found}))
            return 0
        for number, gap in enumerate(gaps, 1):
            if len(gaps) > 1:
                print(f"{model.mask} {number} of {len(gaps)}")
            print("\n".join(_lines(gap)))
        print(f"\n{printable(filled, keep=chr(10))}")
        return 0


def _lines(gap: Gap) -> list[str]:
    """A line for each guess: its probability, a bar of it, the token in quotes."""
    widest = max(guess.probability for guess in gap.guesses)
    return [
        f"  {100 * guess.probability:5.1f} %  {'#' * round(20 * guess.probability / widest):20}  "
        f"{printable(repr(guess.token))}"
        for guess in gap.guesses
    ]
