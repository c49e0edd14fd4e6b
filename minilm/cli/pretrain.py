"""``minilm pretrain``: from a recipe and a text to a trained run, shown as it goes."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from tyro.conf import Positional, UseAppendAction

from minilm.cli.formatting import to_json
from minilm.cli.options import POSITIVE, WHOLE, described
from minilm.cli.progress import Reporter, open_reporter
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from minilm.recipes import Recipe
    from minilm.recipes.report import Report

__all__ = ["DEFAULT_RECIPE", "Pretrain", "chosen_recipe"]

DEFAULT_RECIPE = "docs-tour"


@dataclass(frozen=True)
class Pretrain:
    """Train a model from raw text, with progress, checkpoints and a report at the end.

    Ctrl-C saves and stops; --resume goes on as if nothing had happened.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm pretrain", "train on text that every Python carries"),
        ("minilm pretrain shakespeare-char-cpu --data FILE.txt", ""),
        ("minilm pretrain --minutes 10 --data FOLDER", ""),
        ("minilm pretrain --set model.n_layer=6 --set training.steps=2000", ""),
        ("minilm pretrain --from runs/docs-tour-1 --data FOLDER", ""),
        ("minilm pretrain --resume runs/docs-tour-1", ""),
    )

    recipe: Annotated[
        Positional[str | None], described("[RECIPE]", hint=f"(default: {DEFAULT_RECIPE})")
    ] = None
    """Name (minilm describe --list), or path of a .toml file."""
    data: Annotated[str | None, described("PATH")] = None
    """Train on this text file, on all in this folder, or on the shards in it."""
    tokenizer: Annotated[str | None, described("PATH|NAME")] = None
    """bytes, chars, bpe (learned from the text), or a tokenizer file or folder."""
    out: Annotated[str | None, described("FOLDER", hint="(default: runs/RECIPE-1, -2, ...)")] = None
    """New folder for the run."""
    overrides: Annotated[
        UseAppendAction[tuple[str, ...]], described("KEY=VALUE", hint="(repeatable)", name="set")
    ] = ()
    """Change a setting of the recipe."""
    minutes: Annotated[float | None, POSITIVE, described()] = None
    """Choose model size, batch and steps so that all is done in X minutes."""
    precision: Annotated[str | None, described("NAME", hint="(default: float32)")] = None
    """bf16: faster where the processor has instructions for bfloat16 (minilm info)."""
    seed: Annotated[int | None, WHOLE, described()] = None
    """Of initial parameters, data order and dropout."""
    from_run: Annotated[str | None, described("RUN", name="from")] = None
    """Begin with the weights, tokenizer and recipe of this run, on the text of --data."""
    resume: Annotated[str | None, described("RUN")] = None
    """Go on with the run in this folder."""
    plot: Annotated[str | None, described("FILE.png")] = None
    """Draw the loss curve into a picture (needs pip install 'minilm[plot]')."""
    json: Annotated[bool, described()] = False
    """Print the report as one JSON object; all else goes to standard error."""
    quiet: Annotated[bool, described()] = False
    """Show no progress."""

    def run(self) -> int:
        """Train, then report."""
        if self.plot is not None:
            from minilm.cli import curve

            curve.check_picture(Path(self.plot))
        stream = sys.stderr if self.json else sys.stdout
        if self.from_run is not None and self.resume is None:
            from minilm.cli.continuing import continue_from

            return continue_from(self, stream)
        recipe = None if self.resume is not None else self._recipe()
        with open_reporter(stream, quiet=self.quiet) as reporter:
            report = self._train(recipe, reporter)
        self._show(report)
        return 0 if report.signal is None else 128 + report.signal

    def _recipe(self) -> Recipe:
        precision = [f"training.precision={self.precision}"] if self.precision else []
        overrides = (*self.overrides, *precision)
        recipe = chosen_recipe(self.recipe, self.data, self.seed, overrides)
        if self.tokenizer is None:
            return recipe
        name = self.tokenizer
        # A file here may have any name; in a recipe a path shows by its form.
        if name not in ("bytes", "chars", "bpe", "shards") and Path(name).exists():
            name = str(Path(name).resolve())
        return replace(recipe, data=replace(recipe.data, tokenizer=name))

    def _train(self, recipe: Recipe | None, reporter: Reporter) -> Report:
        from minilm.recipes.pretrain import pretrain, resume

        if recipe is None:
            self._refuse_with_resume()
            return resume(Path(self.resume or ""), reporter=reporter)
        return pretrain(
            recipe,
            out=None if self.out is None else Path(self.out),
            minutes=self.minutes or 0.0,
            reporter=reporter,
        )

    def _refuse_with_resume(self) -> None:
        given = {
            "RECIPE": self.recipe is not None,
            "--data": self.data is not None,
            "--tokenizer": self.tokenizer is not None,
            "--out": self.out is not None,
            "--set": bool(self.overrides),
            "--minutes": self.minutes is not None,
            "--seed": self.seed is not None,
            "--from": self.from_run is not None,
            "--precision": self.precision is not None,
        }
        for name, is_given in given.items():
            if is_given:
                raise MinilmError(
                    f"--resume goes on with a run as it was begun: leave out {name}, "
                    "or begin a new run without --resume"
                )

    def _show(self, report: Report) -> None:
        from minilm.cli import curve
        from minilm.cli.report import print_report

        record = report.to_dict()
        losses = curve.read(Path(report.run))
        if self.json:
            print(to_json(record))
        else:
            print_report(record, losses)
        if self.plot is not None:
            curve.picture(losses, Path(self.plot), report.recipe)


def chosen_recipe(
    name: str | None, data: str | None, seed: int | None, overrides: tuple[str, ...]
) -> Recipe:
    """The recipe of that name or path, with what the command line changes in it."""
    from minilm import recipes
    from minilm.corpus.shards import is_shards

    recipe = recipes.load(name or DEFAULT_RECIPE)
    recipe = recipes.override(recipe, overrides)
    if data is not None:
        # The description tells of the text that the recipe came with, if it had one.
        about = "" if recipe.data.source else recipe.description
        recipe = replace(recipe, data=replace(recipe.data, source=data), description=about)
        named = any(setting.partition("=")[0].endswith("tokenizer") for setting in overrides)
        if is_shards(data) and not named:
            recipe = replace(recipe, data=replace(recipe.data, tokenizer="shards"))
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    return recipe
