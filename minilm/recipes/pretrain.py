"""A recipe carried out, from the text to the report.

    read, split, encode the text -> measure the machine -> plan -> compile the kernels
    -> count n-grams -> train -> evaluate on all held-out text -> sample

`pretrain` begins a run, `resume` goes on with one; both end in `_carry_out`.
"""

from __future__ import annotations

import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from minilm import machine, tokenizers
from minilm.backend import computing, has_bf16
from minilm.errors import MinilmError
from minilm.models.architectures import build
from minilm.models.model import Model
from minilm.objectives.config import NoObjective
from minilm.optim.adamw import AdamW
from minilm.recipes import baselines, budget, memory, objectives, samples
from minilm.recipes.loading import Parts, best_checkpoint, read_config, restored
from minilm.recipes.reading import to_toml
from minilm.recipes.recipe import Recipe
from minilm.recipes.report import Report
from minilm.recipes.text import Text, prepare
from minilm.recipes.warmup import Compilation, announced, warm_up
from minilm.tokenizers import Tokenizer
from minilm.training import checkpoint
from minilm.training.interrupt import Interruption
from minilm.training.loop import Loop, Objective, Progress, train
from minilm.training.reporter import Reporter, Silent
from minilm.training.run import CONFIG, TOKENIZER, Run

__all__ = ["pretrain", "resume"]

RUNS = Path("runs")


def pretrain(
    recipe: Recipe,
    *,
    out: Path | None = None,
    minutes: float = 0.0,
    reporter: Reporter | None = None,
    start: Parts | None = None,
) -> Report:
    """Carry out a recipe in a new run folder.

    Parameters
    ----------
    recipe : Recipe
    out : path, optional
        The run folder, which must not hold anything yet; by default ``runs/NAME-1``.
    minutes : float
        If positive, model size, batch and steps are chosen so that all is done in this
        time (`minilm.recipes.budget`).
    reporter : Reporter, optional
    start : Parts, optional
        A run whose weights and tokenizer this one begins with (`minilm.recipes.continued`).

    Raises
    ------
    MinilmError
        For whatever in the recipe, the text, the folder or the machine does not allow it.
    """
    reporter = reporter or Silent()
    clock = time.perf_counter()
    objectives.check(recipe)
    text = prepare(
        recipe.data,
        recipe.name,
        tokenizer=start.tokenizer if start else None,
        special_tokens=recipe.objective.special_tokens,
    )
    data = replace(recipe.data, source=_resolved(recipe.data.source), sha256=text.digest)
    if data.tokenizer_is_path:
        data = replace(data, tokenizer=_resolved(data.tokenizer))
    model = recipe.model.changed(vocab_size=text.tokenizer.vocab_size)
    recipe = replace(recipe, data=data, model=model)
    if not minutes:
        recipe = replace(recipe, training=replace(recipe.training, minutes=0.0))
        _check_fits(recipe, text)
    folder = out or Run.fresh_name(RUNS, recipe.name or "run")
    precision = computing(recipe.training.precision)
    with precision, Run.create(folder) as run, announced(reporter) as compilation:
        if minutes:
            recipe = budget.plan(recipe, minutes, text, clock, reporter)
        text.tokenizer.save(run.path / TOKENIZER)
        if start:
            _begin_from(start.model, recipe, run)
        run.write(CONFIG, to_toml(recipe))
        return _carry_out(recipe, run, text, reporter, clock, compilation)


def resume(path: Path, *, reporter: Reporter | None = None) -> Report:
    """Go on with a run from its last whole checkpoint, to the same bits as without a stop.

    Raises
    ------
    MinilmError
        If there is no run, it is in use, its text has changed, or no checkpoint is whole.
    """
    reporter = reporter or Silent()
    clock = time.perf_counter()
    with Run.open(path) as run, announced(reporter) as compilation:
        recipe = read_config(path)
        if isinstance(recipe.objective, NoObjective):
            raise MinilmError(f"{path} was imported, not trained here: it has nothing to resume")
        objectives.check(recipe)
        text = prepare(
            recipe.data,
            recipe.name,
            tokenizer=_own_tokenizer(path, recipe),
            special_tokens=recipe.objective.special_tokens,
        )
        with computing(recipe.training.precision):
            return _carry_out(recipe, run, text, reporter, clock, compilation)


def _begin_from(model: Model, recipe: Recipe, run: Run) -> None:
    """Make the weights of another run the checkpoint of step 0, with an optimiser at rest."""
    optimizer = AdamW(model.parameters, recipe.optimizer, recipe.training.steps)
    progress = Progress(n_steps=recipe.training.steps)
    checkpoint.save(run.path, 0, model.parameters, optimizer, vars(progress))


def _own_tokenizer(path: Path, recipe: Recipe) -> Tokenizer:
    """The run's, whatever has become of the file or text that it came from."""
    tokenizer = tokenizers.load(path / TOKENIZER)
    if tokenizer.vocab_size != recipe.model.vocab_size:
        raise MinilmError(
            f"{path / TOKENIZER} has {tokenizer.vocab_size} tokens, the run's model "
            f"{recipe.model.vocab_size}; put the run's own file back"
        )
    return tokenizer


def _resolved(source: str) -> str:
    """An absolute path, so that the run can be resumed from anywhere; names stay."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def _check_fits(recipe: Recipe, text: Text, base: int = memory.INTERPRETER_BYTES) -> int:
    """The predicted peak memory; refuses texts too short and models too large."""
    objectives.build(recipe, text)
    predicted = memory.predict(recipe, len(text.counted), base=base)
    memory.refuse_what_cannot_fit(recipe, predicted)
    return predicted


def _carry_out(
    recipe: Recipe,
    run: Run,
    text: Text,
    reporter: Reporter,
    clock: float,
    compilation: Compilation,
) -> Report:
    if recipe.training.precision == "bf16" and not has_bf16():
        reporter.note("this processor multiplies no faster in bf16 than in float32")
    warm_up(recipe, text, reporter)
    predicted = _check_fits(recipe, text, memory.occupied(recipe, len(text.counted)))
    reporter.record({"kind": "phase", "name": "measuring this machine"})
    peak = machine.sgemm_gflops()
    model = build(recipe.model, seed=recipe.seed)
    optimizer = AdamW(model.parameters, recipe.optimizer, recipe.training.steps)
    progress = restored(run, recipe.training.steps, model, optimizer, reporter)
    report = Report(
        run=str(run.path),
        recipe=recipe.name,
        parameters=model.parameters.n_parameters,
        peak_gflops=peak,
        predicted_memory_bytes=predicted,
        corpus_sha256=text.digest,
    )
    loop = Loop(
        model,
        objectives.build(recipe, text),
        optimizer,
        run,
        recipe.training,
        reporter,
        flops_per_token=objectives.flops_per_token(recipe),
        replan=(
            budget.replanner(recipe, text, clock, progress.spent)
            if recipe.training.minutes
            else None
        ),
    )
    loop.record("start", **_start(recipe, report, text, progress))
    with Interruption(reporter.note) as interruption:
        if not interruption():
            _count_ngrams(report, loop.objective, text, reporter)
        reporter.record({"kind": "phase", "name": "training"})
        train(loop, progress, interruption)
        report.signal = interruption.signal
    try:
        _finish(loop, progress, report, text, reporter)
    except KeyboardInterrupt:
        reporter.note(f"trained, not yet evaluated; for the report: {_resume_line(report)}")
        raise
    report.compile_seconds = round(compilation.seconds, 2)
    report.seconds = round(time.perf_counter() - clock, 2)
    report.peak_memory_bytes = machine.peak_bytes()
    loop.record("end", **report.to_dict())
    return report


def _start(recipe: Recipe, report: Report, text: Text, progress: Progress) -> dict[str, Any]:
    return {
        "run": report.run,
        "recipe": report.recipe,
        "parameters": report.parameters,
        "train_tokens": len(text.train.ids),
        "val_tokens": len(text.validation.ids),
        "vocab_size": recipe.model.vocab_size,
        "corpus_sha256": text.digest,
        "steps": progress.n_steps,
        "first_step": progress.step,
        "tokens_per_step": recipe.training.batch_size * recipe.model.block_size,
        "flops_per_token": objectives.flops_per_token(recipe),
        "peak_gflops": report.peak_gflops,
        "predicted_memory_bytes": report.predicted_memory_bytes,
    }


def _count_ngrams(report: Report, objective: Objective, text: Text, reporter: Reporter) -> None:
    reporter.record({"kind": "phase", "name": "counting n-grams"})
    found = baselines.measure(objective, text)
    report.baseline, report.baseline_loss = found.name, found.loss
    report.baseline_bpb, report.baseline_accuracy = found.bpb, found.accuracy


def _finish(loop: Loop, progress: Progress, report: Report, text: Text, reporter: Reporter) -> None:
    """What stands at the end: the whole validation split and a sample, by the best checkpoint."""
    recipe = read_config(loop.run.path)
    report.steps, report.planned_steps = progress.step, progress.n_steps
    tokens = progress.step * recipe.training.batch_size * recipe.model.block_size
    if progress.seconds:
        report.tokens_per_second = tokens / progress.seconds
        report.gflops = report.tokens_per_second * loop.flops_per_token / 1e9
        report.peak_share = report.gflops / report.peak_gflops
    if report.interrupted and progress.step < progress.n_steps:
        report.next_commands = [_resume_line(report)]
        return
    report.signal = None  # it came with the last step: there is nothing left to stop
    reporter.record({"kind": "phase", "name": "evaluating"})
    folder, report.best_step = best_checkpoint(loop.run.path, reporter)
    checkpoint.load_parameters(folder, loop.model.parameters)
    started = time.perf_counter()
    metrics = loop.objective.evaluate(loop.model)
    seconds = round(time.perf_counter() - started, 4)
    loop.record("evaluation", step=report.best_step, scope="whole", **metrics, seconds=seconds)
    report.val_loss, report.val_bpb = metrics["val_loss"], metrics.get("val_bpb")
    report.val_accuracy = metrics.get("val_accuracy")
    reporter.record({"kind": "phase", "name": "sampling"})
    report.sample = samples.sample(loop.model, text.tokenizer, recipe)
    report.next_commands = samples.next_commands(recipe, report.run)


def _resume_line(report: Report) -> str:
    return f"minilm pretrain --resume {shlex.quote(report.run)}"
