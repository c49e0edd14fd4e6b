"""What pretraining is worth when labels are few: ``python -m benchmarks.few_labels RUN``.

A run is fine-tuned to an embedded task from 10, 30 and 100 labelled texts of each class, of
which a fifth is set aside to choose when to stop; beside it the same model from random
weights, and TF-IDF with logistic regression (the extra ``minilm[baselines]``). All three see
the same texts, and the test texts only at the end. Each seed draws other texts. Printed: the
mean accuracy over the seeds with its standard error, and how far the pretrained model is
above each baseline, in standard errors of the difference seed by seed.

A pretrained run for it, without the test texts (--pretrain makes it first):

    minilm pretrain benchmarks/few_labels.toml --out RUN
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import minilm  # isort: skip  (before NumPy: it arranges the threads)

from minilm.evaluation.prepositions import NAME
from minilm.evaluation.statistics import mean

SIDES = ("pretrained", "random", "tfidf")
RECIPE = Path(__file__).with_suffix(".toml")
# Fixed beforehand, for all sizes and seeds: a decoder has read all at its last position.
SETTINGS = ("objective.pooling=last", "evaluate_every=10")


def one(run: str, task: str, per_label: int, seed: int, settings: tuple[str, ...]) -> Any:
    """The accuracies of the three, of one draw of texts."""
    with tempfile.TemporaryDirectory() as folder:
        report = minilm.finetune(
            run,
            task,
            per_label=per_label,
            seed=seed,
            settings=settings,
            out=Path(folder) / "classifier",
        )
    if report.tfidf is None:
        raise SystemExit("needs scikit-learn: pip install 'minilm[baselines]'")
    record = report.to_dict()
    found = {side: record[side]["accuracy"] for side in SIDES}
    return {"per_label": per_label, "seed": seed, "n_test": report.n_test, **found}


def table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table, a row for each number of labels."""
    lines = [
        "| labels a class | pretrained | random weights | TF-IDF | above random | above TF-IDF |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for per_label in sorted({row["per_label"] for row in rows}):
        own = [row for row in rows if row["per_label"] == per_label]
        cells = [str(per_label)]
        for side in SIDES:
            found = mean([row[side] for row in own])
            cells.append(f"{100 * found.value:.1f} ± {100 * found.error:.1f} %")
        for side in SIDES[1:]:
            gain = mean([row["pretrained"] - row[side] for row in own])
            cells.append(f"{100 * gain.value:+.1f} ({gain.value / gain.error:.1f} SE)")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or with ``--json`` every draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.few_labels", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run", help="folder of the pretrained run")
    parser.add_argument("--pretrain", action="store_true", help="make it first")
    parser.add_argument("--task", default=NAME)
    parser.add_argument("--labels", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--set", action="append", default=list(SETTINGS), dest="settings")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.pretrain:
        minilm.pretrain(minilm.recipe(str(RECIPE)), out=Path(options.run))
    rows = []
    for per_label in options.labels:
        for seed in range(options.seeds):
            row = one(options.run, options.task, per_label, seed, tuple(options.settings))
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    print(json.dumps(rows) if options.json else table(rows))


if __name__ == "__main__":
    main()
