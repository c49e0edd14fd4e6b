"""``minilm evaluate``: how good a trained model is, with standard errors."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from tyro.conf import Positional

from minilm.cli.formatting import to_json
from minilm.cli.options import COUNT, described
from minilm.cli.progress import Silent
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from minilm.cli.bar import Bar

__all__ = ["Evaluate"]


@dataclass(frozen=True)
class Evaluate:
    """Measure a trained model on text that it has not seen: loss, accuracy, calibration.

    By default that is the validation split of the run's own text.
    Behind each figure stands its standard error, by document.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm evaluate RUN", "measure a trained run"),
        ("minilm evaluate RUN --data FILE.txt --tasks all", ""),
        ("minilm evaluate RUN --tasks agreement,questions.jsonl --json", ""),
        ("minilm evaluate RUN --probe packages --plot calibration.png", ""),
    )

    run_folder: Annotated[Positional[str], described("RUN")]
    """Folder that minilm pretrain wrote."""
    data: Annotated[str | None, described("FILE|FOLDER")] = None
    """Measure on this text instead."""
    tasks: Annotated[str, described("NAMES|FILE.jsonl")] = ""
    """Answer questions: names between commas (docs/evaluation.md has them), "all", or a file."""
    probe: Annotated[str, described("NAME|FILE.jsonl")] = ""
    """Find labels from each layer's features: packages, python-modules, python-prepositions, or a
    file's."""
    stride: Annotated[int | None, COUNT, described(hint="(default: half the context)")] = None
    """Tokens scored by each window; fewer give each more context and take longer."""
    plot: Annotated[str | None, described("FILE.png")] = None
    """Draw the calibration into a picture (.png, .svg or .pdf)."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Measure and print."""
        from minilm.cli import reliability
        from minilm.cli.bar import showing
        from minilm.cli.curve import check_picture
        from minilm.cli.evaluate_report import print_evaluation
        from minilm.kernels.jit import on_compile
        from minilm.recipes.evaluating import evaluate

        if self.plot is not None:
            check_picture(Path(self.plot))
            self._check_calibrated()
        with showing(sys.stderr) as bar:
            watch = _Watch(bar)
            with on_compile(watch.compiled):
                found = evaluate(
                    self.run_folder,
                    data=self.data,
                    tasks=self.tasks,
                    probe_on=self.probe,
                    stride=self.stride,
                    watch=watch,
                    reporter=Silent(sys.stderr),
                )
        if self.plot is not None and found.calibration is not None:
            reliability.picture(found.calibration, Path(self.plot), self.run_folder)
        if self.json:
            print(to_json(found.to_dict()))
        else:
            print_evaluation(found)
            if self.plot is not None:
                print(f"plot  {self.plot}")
        return 0

    def _check_calibrated(self) -> None:
        """Refuse a picture that there will be nothing for."""
        from minilm.objectives.config import NoObjective
        from minilm.recipes.loading import read_config

        recipe = read_config(Path(self.run_folder))
        if not recipe.model.causal and isinstance(recipe.objective, NoObjective):
            raise MinilmError(
                f"--plot draws the calibration of a model's guesses, and {self.run_folder} is an "
                "imported encoder, of which none are asked: leave it out"
            )


class _Watch:
    """Shows on the bar what goes on."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._label, self._done = "reading", 0.0
        bar.show(self._label, 0.0)

    def __call__(self, label: str, done: float) -> None:
        self._label, self._done = label, done
        self._bar.show(label, done, steady=done > 0)

    def compiled(self, kernel: str, seconds: float) -> None:
        """A kernel has been compiled, which takes longer than to run it."""
        self._bar.show(f"{self._label}, compiled {kernel}", self._done)
