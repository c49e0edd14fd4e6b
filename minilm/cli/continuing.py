"""``minilm pretrain --from RUN``: a run's weights taken further, and both domains judged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from minilm.cli.formatting import printable, to_json
from minilm.cli.progress import open_reporter
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from minilm.cli.pretrain import Pretrain
    from minilm.recipes.continued import Continued, Domain

__all__ = ["continue_from", "domain_lines"]


def continue_from(command: Pretrain, stream: TextIO) -> int:
    """Carry the command out; returns the exit code."""
    from minilm.recipes import continued, override
    from minilm.recipes.loading import read_config

    given = {
        "RECIPE": command.recipe is not None,
        "--tokenizer": command.tokenizer is not None,
        "--minutes": command.minutes is not None,
    }
    for name, is_given in given.items():
        if is_given:
            raise MinilmError(
                f"--from brings model, tokenizer and recipe of its run: leave out {name}"
            )
    if command.data is None:
        raise MinilmError("--from needs the new text: --data FILE or --data FOLDER")
    base = read_config(Path(command.from_run or ""))
    settings = [*command.overrides]
    if command.precision:
        settings.append(f"training.precision={command.precision}")
    if command.seed is not None:
        settings.append(f"seed={command.seed}")
    named = [setting for setting in settings if setting.startswith("objective.")]
    recipe = continued.continued_recipe(override(base, named), command.data)
    recipe = override(recipe, [s for s in settings if s not in named])
    with open_reporter(stream, quiet=command.quiet) as reporter:
        found = continued.continue_pretraining(
            command.from_run or "",
            recipe,
            out=None if command.out is None else Path(command.out),
            reporter=reporter,
        )
    _show(command, found)
    return 0 if found.report.signal is None else 128 + found.report.signal


def _show(command: Pretrain, found: Continued) -> None:
    from minilm.cli import curve
    from minilm.cli.report import print_report

    losses = curve.read(Path(found.report.run))
    if command.json:
        print(to_json(found.to_dict()))
    else:
        print_report(found.report.to_dict(), losses)
        sys.stdout.write("\n")
        for line in domain_lines(found.domains):
            print(printable(line))
    if command.plot is not None:
        curve.picture(losses, Path(command.plot), found.report.recipe)


def domain_lines(domains: list[Domain]) -> list[str]:
    """Both domains before and after, in bits per byte where there are any, else in nats.

    Examples
    --------
    >>> from minilm.recipes.continued import Domain
    >>> one = Domain("new", "notes.txt", {"val_bpb": 3.0}, {"val_bpb": 2.25})
    >>> print(*domain_lines([one]), sep="\\n")
    bits per byte   before    after   change  text
    new             3.0000   2.2500  -0.7500  notes.txt
    """
    known = all("val_bpb" in domain.before for domain in domains)
    key, unit = ("val_bpb", "bits per byte") if known else ("val_loss", "nats/target")
    lines = [f"{unit:<13}{'before':>9}{'after':>9}{'change':>9}  text"]
    for domain in domains:
        before, after = domain.before[key], domain.after.get(key)
        figures = f"{'-':>9}{'-':>9}" if after is None else f"{after:9.4f}{after - before:+9.4f}"
        lines.append(f"{domain.name:<13}{before:9.4f}{figures}  {domain.source}")
    return lines
