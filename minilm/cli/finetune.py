"""``minilm finetune``: a pretrained run learns to tell classes of texts apart."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from tyro.conf import Positional, UseAppendAction

from minilm.cli.formatting import to_json
from minilm.cli.options import COUNT, FRACTION, WHOLE, described
from minilm.cli.progress import Reporter, open_reporter
from minilm.errors import MinilmError

if TYPE_CHECKING:
    from minilm.recipes.finetune_report import Report

__all__ = ["Finetune"]


@dataclass(frozen=True)
class Finetune:
    """Fine-tune a run to labelled texts, beside the same model from random weights and TF-IDF.

    The texts are JSON lines like {"text": "...", "label": "..."}, or an embedded task:
    python-modules (which module is a passage from?), packages (of code), python-prepositions
    (which comes next?).
    The report judges all three on the test texts; Ctrl-C ends training and goes on to it.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm finetune RUN --data FILE.jsonl", "teach a run to label texts"),
        ("minilm finetune RUN --data python-modules --few 10", ""),
        ("minilm finetune RUN --data FILE.jsonl --test OTHER.jsonl --freeze 1", ""),
        ("minilm finetune RUN --data FILE.jsonl --set training.steps=300", ""),
        ("minilm finetune --resume runs/docs-tour-classifier-1", ""),
    )

    run_folder: Annotated[Positional[str | None], described("RUN")] = None
    """Folder that minilm pretrain or minilm import wrote."""
    data: Annotated[str | None, described("FILE|TASK")] = None
    """Labelled texts to learn from."""
    task: Literal["classify"] = "classify"
    """What to learn."""
    validation: Annotated[str | None, described("FILE")] = None
    """Labelled texts that choose when to stop; without them a share of --data."""
    share: Annotated[float, FRACTION, described(hint="(default: 0.2)")] = 0.2
    """That share of each label's texts."""
    test: Annotated[str | None, described("FILE")] = None
    """Labelled texts that all is judged on at the end."""
    few: Annotated[int | None, COUNT, described()] = None
    """Take N texts of each label only."""
    pooling: Annotated[str | None, described("NAME", hint="(default: mean)")] = None
    """One vector from all positions: their mean, or the first or last alone."""
    layer_decay: Annotated[float | None, FRACTION, described(hint="(default: 0.9)")] = None
    """Learning rate of a layer over that of the next above."""
    freeze: Annotated[int | None, WHOLE, described()] = None
    """Keep the N lowest layers as they are; 1 is the embeddings."""
    overrides: Annotated[
        UseAppendAction[tuple[str, ...]], described("KEY=VALUE", hint="(repeatable)", name="set")
    ] = ()
    """Change a setting, such as optimizer.learning_rate or training.patience."""
    seed: Annotated[int | None, WHOLE, described()] = None
    """Of what is drawn: the head's first weights, the order of texts, the share set aside."""
    out: Annotated[str | None, described("FOLDER")] = None
    """New folder for the result; by default runs/NAME-classifier-1, -2, ..."""
    resume: Annotated[str | None, described("RUN")] = None
    """Go on with the fine-tuning in this folder, which was interrupted."""
    json: Annotated[bool, described()] = False
    """Print the report as one JSON object; all else goes to standard error."""
    quiet: Annotated[bool, described()] = False
    """Show no progress."""

    def run(self) -> int:
        """Fine-tune, then report."""
        from minilm.cli.finetune_report import print_report

        self._check()
        with open_reporter(sys.stderr if self.json else sys.stdout, quiet=self.quiet) as reporter:
            report = self._finetune(reporter)
        if self.json:
            print(to_json(report.to_dict()))
        else:
            print_report(report.to_dict())
        return 0 if report.signal is None else 128 + report.signal

    def _finetune(self, reporter: Reporter) -> Report:
        from minilm.recipes import finetune

        if self.resume is not None:
            return finetune.resume(Path(self.resume), reporter=reporter)
        return finetune.finetune(
            self.run_folder or "",
            self.data or "",
            validation=self.validation,
            test=self.test,
            share=self.share,
            per_label=self.few,
            settings=self._settings(),
            seed=self.seed,
            out=None if self.out is None else Path(self.out),
            reporter=reporter,
        )

    def _check(self) -> None:
        """Refuse what is missing; or, with --resume, what is too much."""
        if self.resume is None:
            for name, value in (("RUN", self.run_folder), ("--data", self.data)):
                if value is None:
                    raise MinilmError(f"{name} is missing; see minilm finetune --help")
            return
        words = {"run_folder": "RUN", "overrides": "--set", "layer_decay": "--layer-decay"}
        for field in dataclasses.fields(self):
            given = getattr(self, field.name) != field.default
            if given and field.name not in ("resume", "json", "quiet"):
                raise MinilmError(
                    "--resume goes on with a fine-tuning as it was begun: leave out "
                    f"{words.get(field.name, '--' + field.name)}"
                )

    def _settings(self) -> tuple[str, ...]:
        given = {
            "objective.pooling": self.pooling,
            "objective.layer_decay": self.layer_decay,
            "objective.frozen": self.freeze,
        }
        own = tuple(f"{key}={value}" for key, value in given.items() if value is not None)
        return (*own, *self.overrides)
