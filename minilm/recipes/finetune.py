"""A run fine-tuned to classify texts, beside what it is to be compared with.

    read the labelled texts -> fit the pretrained model -> fit the same from random weights
    -> fit TF-IDF with logistic regression -> judge all on the test texts

The result is a run folder again: config.toml, tokenizer.json, labels.json, checkpoints.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minilm.errors import MinilmError
from minilm.evaluation import tfidf
from minilm.evaluation.classification import Scores
from minilm.evaluation.statistics import mean
from minilm.objectives.classification import Labelled
from minilm.objectives.config import ClassificationConfig
from minilm.recipes.finetune_report import Compared, Report
from minilm.recipes.fitting import Parts, classifier, defaults, fit, from_scratch, predicted
from minilm.recipes.labelled import TASKS, Texts, numbered
from minilm.recipes.loading import Parts as Loaded
from minilm.recipes.loading import load_parts, read_config
from minilm.recipes.origin import LABELS, Origin
from minilm.recipes.reading import override, to_toml
from minilm.recipes.recipe import DataConfig, Recipe
from minilm.recipes.warmup import announced
from minilm.tokenizers import Tokenizer
from minilm.training.interrupt import Interruption
from minilm.training.reporter import Reporter, Silent
from minilm.training.run import CONFIG, TOKENIZER, Run

__all__ = ["compare", "finetune", "resume"]

RUNS = Path("runs")


@dataclass(frozen=True)
class Candidates:
    """What each of the three says of the judged texts; None where it could not be asked."""

    pretrained: NDArray
    random: NDArray | None
    tfidf: NDArray | None


def finetune(
    run: str | os.PathLike[str],
    data: str,
    *,
    validation: str | None = None,
    test: str | None = None,
    share: float = 0.2,
    per_label: int | None = None,
    settings: Iterable[str] = (),
    seed: int | None = None,
    out: Path | None = None,
    reporter: Reporter | None = None,
) -> Report:
    """Fine-tune a run to labelled texts, in a new run folder.

    Parameters
    ----------
    run : path
        Of any run with a tokenizer: encoder or decoder, trained here or imported.
    data, validation, test, share, per_label
        Those of `minilm.recipes.labelled.gather`.
    settings : iterable of str
        ``key=value``, as `minilm.recipes.override` takes them.
    seed : int, optional
        Of the head's weights, the order of the texts, dropout and what is set aside.
    out : path, optional
        The new folder; by default ``runs/NAME-classifier-1``.

    Raises
    ------
    MinilmError
        For whatever in the run, the texts or the settings does not allow it.
    """
    reporter = reporter or Silent()
    clock = time.perf_counter()
    loaded = load_parts(run, reporter=reporter)
    if loaded.tokenizer is None:
        raise MinilmError(f"{run} has no {TOKENIZER}: its weights were imported without one")
    seed = loaded.recipe.seed if seed is None else seed
    origin = Origin(str(run), data, validation, test, share, per_label, seed)
    texts = origin.texts()
    recipe = _recipe(loaded.recipe, data, share, texts, seed, settings)
    classifier(recipe, len(texts.labels))  # refuses what does not fit, before anything is written
    folder = out or Run.fresh_name(RUNS, recipe.name)
    with Run.create(folder) as opened, announced(reporter):
        loaded.tokenizer.save(opened.path / TOKENIZER)
        opened.write(LABELS, origin.to_json(texts.labels))
        opened.write(CONFIG, to_toml(recipe))
        return _carry_out(opened, str(run), recipe, loaded, texts, reporter, clock)


def resume(path: Path, *, reporter: Reporter | None = None) -> Report:
    """Go on with a fine-tuning from its last whole checkpoint, to the same bits.

    What it is compared with is not kept, and fitted once more.

    Raises
    ------
    MinilmError
        If there is none, it is in use, or the run or the texts that it was made from have
        changed or are gone.
    """
    reporter = reporter or Silent()
    clock = time.perf_counter()
    with Run.open(path) as opened, announced(reporter):
        recipe = read_config(path)
        if not isinstance(recipe.objective, ClassificationConfig):
            raise MinilmError(
                f"{path} was not fine-tuned; go on with it by minilm pretrain --resume {path}"
            )
        origin = Origin.read(path)
        texts = origin.texts()
        if texts.digest != recipe.data.sha256:
            raise MinilmError(
                f"the labelled texts of {origin.data} are not those that the run began with; "
                "restore them, or fine-tune anew"
            )
        loaded = load_parts(origin.run, reporter=reporter)
        return _carry_out(opened, origin.run, recipe, loaded, texts, reporter, clock)


def _carry_out(
    run: Run,
    base: str,
    recipe: Recipe,
    loaded: Loaded,
    texts: Texts,
    reporter: Reporter,
    clock: float,
) -> Report:
    for note in texts.notes:
        reporter.note(note)
    report = Report(str(run.path), base, texts.labels)
    with Interruption(reporter.note) as interruption:
        compare(report, recipe, loaded, texts, run, reporter, interruption)
        report.signal = interruption.signal
    report.seconds = round(time.perf_counter() - clock, 2)
    if report.random is None:
        report.next_commands.append(f"minilm finetune --resume {shlex.quote(report.run)}")
    report.next_commands.append(_next(report, texts))
    record = {"kind": "end", **report.to_dict()}
    run.append(record)
    reporter.record(record)
    return report


def _recipe(
    base: Recipe, data: str, share: float, texts: Texts, seed: int, settings: Iterable[str]
) -> Recipe:
    source = data if data in TASKS else str(Path(data).resolve())
    table = DataConfig(source=source, tokenizer="imported", validation=share, sha256=texts.digest)
    recipe = replace(defaults(base, len(texts.train)), data=table, seed=seed)
    recipe = override(recipe, settings)
    if not isinstance(recipe.objective, ClassificationConfig):
        raise MinilmError("--set objective.name: fine-tuning is classification, leave it so")
    for key in ("n_layer", "n_head", "n_embd", "vocab_size", "architecture"):
        if getattr(recipe.model, key) != getattr(base.model, key):
            raise MinilmError(
                f"--set model.{key}: the weights of the run are for "
                f"{getattr(base.model, key)}; leave it so"
            )
    return recipe


def compare(
    report: Report,
    recipe: Recipe,
    loaded: Loaded,
    texts: Texts,
    run: Run,
    reporter: Reporter,
    stop: Callable[[], bool],
) -> None:
    """Fit the three, and fill the report's figures."""
    tokenizer, block_size = loaded.tokenizer, recipe.model.block_size
    assert tokenizer is not None
    parts, judged = _numbered(texts, tokenizer, block_size, reporter)
    reporter.record({"kind": "phase", "name": "fine-tuning"})
    model = classifier(recipe, len(texts.labels), loaded.model)
    progress = fit(model, recipe, parts, run, reporter, stop)
    report.steps, report.best_step = progress.step, progress.best_step
    pretrained = predicted(model, judged)
    random = _random(recipe, loaded.recipe, parts, judged, run, reporter, stop)
    by_words = _by_words(texts, reporter)
    report.parameters = model.parameters.n_parameters
    report.n_train, report.n_validation = len(texts.train), len(texts.validation)
    report.n_test = len(texts.test)
    report.notes += texts.notes
    _judge(report, judged.labels, Candidates(pretrained, random, by_words), recipe.seed)


def _numbered(
    texts: Texts, tokenizer: Tokenizer, block_size: int, reporter: Reporter
) -> tuple[Parts, Labelled]:
    found = []
    for part in (texts.train, texts.validation, texts.test or texts.validation):
        labelled, notes = numbered(part, texts.labels, tokenizer, block_size)
        found.append(labelled)
        for note in notes if part is not texts.validation or not texts.test else ():
            reporter.note(note)
    return Parts(found[0], found[1]), found[2]


def _random(
    recipe: Recipe,
    base: Recipe,
    parts: Parts,
    judged: Labelled,
    run: Run,
    reporter: Reporter,
    stop: Callable[[], bool],
) -> NDArray | None:
    """The same model from random weights: at the same rate, and at that of its pretraining.

    A rate that suits pretrained weights may be too low for random ones, so the better of two
    on the validation texts counts. None if it was interrupted: half a training is no baseline.
    """
    reporter.record({"kind": "phase", "name": "the same from random weights"})
    best, loss = np.zeros(len(judged.labels), np.int64), np.inf
    n_class = int(max(parts.train.labels)) + 1
    folder = run.path / ".random"
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    for rate in sorted({recipe.optimizer.learning_rate, base.optimizer.learning_rate}):
        scratch = from_scratch(recipe, max(rate, recipe.optimizer.min_learning_rate))
        model = classifier(scratch, n_class)
        try:
            with Run.create(folder) as inner:
                progress = fit(model, scratch, parts, inner, reporter, stop)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if progress.best_loss < loss:
            best, loss = predicted(model, judged), progress.best_loss
    return None if stop() else best


def _by_words(texts: Texts, reporter: Reporter) -> NDArray | None:
    reporter.record({"kind": "phase", "name": "counting words"})
    try:
        fitted = tfidf.fit(texts.train, texts.validation if texts.test else [])
    except MinilmError as error:
        reporter.note(f"left out: {error}")
        return None
    number = {label: i for i, label in enumerate(texts.labels)}
    judged = texts.test or texts.validation
    return np.array([number[label] for label in fitted.predict([e.text for e in judged])])


def _judge(report: Report, labels: NDArray, found: Candidates, seed: int) -> None:
    n_class = len(report.labels)
    report.pretrained = Scores.of(labels, found.pretrained, n_class, seed=seed)
    for name in ("random", "tfidf"):
        guesses = getattr(found, name)
        if guesses is not None:
            right, theirs = found.pretrained == labels, guesses == labels
            difference = mean(right.astype(float) - theirs)
            scores = Scores.of(labels, guesses, n_class, seed=seed)
            setattr(report, name, Compared(scores, difference.value, difference.error))


def _next(report: Report, texts: Texts) -> str:
    text = (texts.test or texts.validation)[0].text
    return f"minilm classify {shlex.quote(report.run)} {shlex.quote(text[:60])}"
