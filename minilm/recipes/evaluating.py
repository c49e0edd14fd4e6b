"""Everything that ``minilm evaluate`` measures of a run, in one call.

    found = evaluate("runs/docs-tour-1", tasks="agreement,cloze", probe_on="packages")
    found.text.loss             # Estimate(value=..., error=...)
    found.to_dict()             # what --json prints

A causal model is scored token by token, and answers questions. A model that sees both sides
gives no probability of a text; it fills the gaps that its own objective makes. Calibration and
probes are for both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from minilm import corpus
from minilm.errors import MinilmError
from minilm.evaluation.bidirectional_ngram import counted
from minilm.evaluation.calibration import calibration
from minilm.evaluation.gap_metrics import documents_of, gap_metrics, gap_ngram, score_gaps
from minilm.evaluation.modules import Task
from minilm.evaluation.ngram import MOST_TOKENS, WittenBell
from minilm.evaluation.probe import probe
from minilm.evaluation.scoring import Progress, Request, score
from minilm.evaluation.text_metrics import ngram_metrics, sizes, text_metrics
from minilm.models.architectures import build
from minilm.objectives.config import ClassificationConfig, NoObjective
from minilm.objectives.masked_tokens import MaskedTokens
from minilm.recipes import labelled, objectives, questions
from minilm.recipes.evaluation_result import Evaluation
from minilm.recipes.held_out import HeldOut, held_out, own_text
from minilm.recipes.loading import Parts, load_parts, read_config
from minilm.recipes.text import Text
from minilm.training.reporter import Reporter

__all__ = ["Watch", "evaluate"]

Watch = Callable[[str, float], None]  # what goes on now, and the share of the whole before it

SCORING, COUNTING, ANSWERING = "scoring text", "counting n-grams", "answering questions"
PROBING = "probing"
ONE_DOCUMENT = "the text is one document, and a standard error by document takes several"


class _Stages:
    """Shares of the whole, from the shares of its parts and the work in each."""

    def __init__(self, watch: Watch | None, work: dict[str, float]) -> None:
        self._watch = watch
        self._work = work
        self._done = 0.0

    def expect(self, name: str, work: float) -> None:
        """There will be this stage."""
        self._work[name] = float(work)

    def begin(self, name: str) -> Progress:
        """What to call with the share of this stage that is done; the one before is over."""
        before, own, total = self._done, self._work[name], sum(self._work.values())
        self._done += own

        def progress(done: float) -> None:
            if self._watch:
                self._watch(name, (before + own * done) / max(1.0, total))

        progress(0.0)
        return progress


def evaluate(
    run: str | os.PathLike[str],
    *,
    data: str | None = None,
    tasks: str = "",
    probe_on: str = "",
    stride: int | None = None,
    watch: Watch | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Measure a run, from its best checkpoint.

    Parameters
    ----------
    run : path
    data : str, optional
        A text file, a folder or an embedded corpus to measure on, and not the run's own
        validation split.
    tasks : str
        Names of tasks or files of JSON lines between commas (`minilm.recipes.questions`).
    probe_on : str
        An embedded task or a file of labelled texts (`minilm.recipes.labelled.task`).
    stride : int, optional
        Tokens from window to window; half of `block_size` if not given.

    Raises
    ------
    MinilmError
        If the run, the text, a task or the labels cannot be used.
    """
    if isinstance(read_config(Path(run)).objective, ClassificationConfig):
        raise MinilmError(
            f"{run} holds a classifier, of which minilm finetune has reported the figures; "
            "give the run that it was made from"
        )
    parts = load_parts(run, reporter=reporter)
    if parts.tokenizer is None:
        raise MinilmError(f"{run} has no tokenizer: its weights were imported without one")
    training, test = _examples(probe_on)
    # A text goes through two models, and tokens are a few bytes.
    stages = _Stages(watch, {PROBING: float(sum(len(one.text) for one in (*training, *test)))})
    if parts.model.causal:
        found = _evaluate_causal(str(run), parts, data, tasks, stride, stages)
    else:
        for name, value in (("--tasks", tasks), ("--stride", stride)):
            if value:
                raise MinilmError(
                    f"{name} is for models that write, and {run} holds an encoder "
                    f"({parts.recipe.model.architecture}): leave it out"
                )
        found = _evaluate_encoder(str(run), parts, data, stages, probed=bool(training))
    if not training:
        return found
    probed = probe(
        parts.model,
        parts.tokenizer,
        training,
        test,
        untrained=build(parts.recipe.model, seed=parts.recipe.seed),
        progress=stages.begin(PROBING),
    )
    return replace(found, probe=probed)


def _examples(name: str) -> Task:
    """Training and test texts of that name or file; what is wrong with them is told at once."""
    if not name:
        return Task([], [])
    found = labelled.task(name)
    return found if found.test else Task(*labelled.parted(name, found.train))


def _evaluate_causal(
    run: str, parts: Parts, data: str | None, tasks: str, stride: int | None, stages: _Stages
) -> Evaluation:
    own, notes = _training_text(run, parts, data)
    text = held_out(own, parts, data)
    requests = text.requests()
    asked, left_out = questions.load(tasks, text.texts, text.tokenizer)
    block_size = parts.model.config.block_size
    stride = max(1, block_size // 2) if stride is None else stride
    stages.expect(SCORING, sum(len(r.ids) for r in requests) * block_size / max(1, stride))
    stages.expect(COUNTING, 0.0 if own is None else 0.1 * len(own.counted))
    stages.expect(ANSWERING, sum(task.n_tokens for task in asked))
    if len(requests) == 1:
        notes.append(ONE_DOCUMENT)
    found = Evaluation(run, parts.step, text.name, stride, notes=[*notes, *left_out])
    found, counted = _score_text(found, parts, own, text, requests, stages)
    answered = []
    progress = stages.begin(ANSWERING)
    for i, task in enumerate(asked):
        answered.append(questions.answer(parts.model, counted, task))
        progress((i + 1) / len(asked))
    return replace(found, tasks=answered)


def _training_text(run: str, parts: Parts, data: str | None) -> tuple[Text | None, list[str]]:
    """The run's own text; where it is needed for n-grams only, a remark if it is gone."""
    try:
        return own_text(run, parts), []
    except MinilmError as error:
        if data is None:
            raise
        return None, [f"no n-grams: {error}"]


def _score_text(
    found: Evaluation,
    parts: Parts,
    own: Text | None,
    text: HeldOut,
    requests: Sequence[Request],
    stages: _Stages,
) -> tuple[Evaluation, tuple[WittenBell, int] | None]:
    """The figures of the text, and n-grams of the training text with their best order."""
    scores = score(parts.model, requests, stride=found.stride, progress=stages.begin(SCORING))
    size = sizes(requests, text.bytes_per_id)
    found = replace(
        found,
        text=text_metrics(scores, size),
        calibration=calibration(
            np.concatenate([part.confidence for part in scores]),
            np.concatenate([part.rank == 0 for part in scores]),
        ),
    )
    if own is None:
        return found, None
    stages.begin(COUNTING)
    model = WittenBell(np.asarray(own.counted[-MOST_TOKENS:]), text.tokenizer.vocab_size)
    ngram = ngram_metrics(model, requests, scores, size)
    return replace(found, ngram=ngram), (model, ngram.order)


def _evaluate_encoder(
    run: str, parts: Parts, data: str | None, stages: _Stages, *, probed: bool
) -> Evaluation:
    recipe = parts.recipe
    if isinstance(recipe.objective, NoObjective):
        if not probed:
            raise MinilmError(
                f"{run} was imported and has no objective to measure; probe it: --probe packages"
            )
        return Evaluation(run, parts.step, "nothing but the probe")
    text, name = own_text(run, parts), f"validation split of {recipe.data.source}"
    if data is not None:
        name, stream = data, corpus.encode(corpus.load(data), text.tokenizer)
        text = replace(text, validation=stream)
    stages.expect(SCORING, float(len(text.validation.ids)))
    stages.expect(COUNTING, 0.1 * len(text.counted))
    return _fill_gaps(Evaluation(run, parts.step, name), parts, text, stages)


def _fill_gaps(found: Evaluation, parts: Parts, text: Text, stages: _Stages) -> Evaluation:
    """The gaps that training's own evaluations have, document by document."""
    objective = objectives.build(parts.recipe, text)
    assert isinstance(objective, MaskedTokens)
    batches = list(objective.validation())
    scores = score_gaps(parts.model, batches, stages.begin(SCORING))
    documents = documents_of(batches, np.asarray(objective.val_ids), text.tokenizer.end_of_text)
    stages.begin(COUNTING)
    models = counted(text.counted, batches, text.tokenizer.vocab_size, objective.alphabet.special)
    return replace(
        found,
        gaps=gap_metrics(scores, documents),
        gap_ngram=gap_ngram(models, scores, documents),
        calibration=calibration(scores.confidence, scores.rank == 0),
        notes=[] if documents[-1] else [ONE_DOCUMENT],
    )
