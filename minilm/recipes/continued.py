"""A run's weights taken further on another text: continued, or domain-adaptive, pretraining.

    weights and tokenizer of a run -> judge both domains -> pretrain on the new text
    -> judge both domains again

The optimiser and the schedule begin afresh. What the model gains on the new text it may lose
on the old one, so both are judged, each on its own validation split.

Source: Gururangan et al., "Don't Stop Pretraining" (2020).
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minilm.errors import MinilmError
from minilm.models.model import Model
from minilm.objectives.config import NoObjective
from minilm.recipes import objectives, pretrain
from minilm.recipes.loading import Parts, load_parts
from minilm.recipes.recipe import Recipe
from minilm.recipes.report import Report
from minilm.recipes.text import prepare
from minilm.training.reporter import Reporter, Silent

__all__ = ["Continued", "Domain", "continue_pretraining", "continued_recipe"]


@dataclass(frozen=True)
class Domain:
    """A text's validation split, before and after.

    Attributes
    ----------
    name : "old" or "new"
    source : str
    before, after : dict
        What the objective measures: ``val_loss`` in nats per target; ``val_bpb`` in bits per
        byte or ``val_accuracy`` where there is one. `after` is empty after an interruption.
    """

    name: str
    source: str
    before: dict[str, float]
    after: dict[str, float]


@dataclass(frozen=True)
class Continued:
    """The report of the new run, and what became of both domains.

    Attributes
    ----------
    base : str
        The run that it began from.
    domains : list of Domain
        The new one; the old one too, if its text is still there.
    """

    report: Report
    base: str
    domains: list[Domain]

    def to_dict(self) -> dict[str, Any]:
        """In JSON's types."""
        domains = [dataclasses.asdict(domain) for domain in self.domains]
        return {**self.report.to_dict(), "base": self.base, "domains": domains}


def continued_recipe(base: Recipe, data: str) -> Recipe:
    """The recipe of a run, on another text and with the run's tokenizer."""
    if isinstance(base.objective, NoObjective):
        raise MinilmError(
            "the run was imported and names no task: "
            "--set objective.name=next_token for a decoder, masked_tokens for an encoder"
        )
    table = replace(base.data, source=data, tokenizer="imported", sha256="")
    name = base.name if base.name.endswith("-continued") else f"{base.name or 'run'}-continued"
    return replace(base, name=name, description="", data=table)


def continue_pretraining(
    run: str | os.PathLike[str],
    recipe: Recipe,
    *,
    out: Path | None = None,
    reporter: Reporter | None = None,
) -> Continued:
    """Pretrain from the best checkpoint of a run, in a new run folder.

    Parameters
    ----------
    run : path
    recipe : Recipe
        Of `continued_recipe`, perhaps with another schedule; the model stays the run's.

    Raises
    ------
    MinilmError
        If there is no such run, the recipe is of another model, or the text does not do.
    """
    reporter = reporter or Silent()
    start = load_parts(run, reporter=reporter)
    if recipe.model != start.recipe.model:
        raise MinilmError(
            "--from takes the weights of a run, which are for its own model: change no model.*"
        )
    reporter.record({"kind": "phase", "name": "evaluating before"})
    old = None if _is_imported(start.recipe) else _measured(start.recipe, start, reporter)
    new = _measured(recipe, start, None)
    report = pretrain.pretrain(recipe, out=out, reporter=reporter, start=start)
    after_old: dict[str, float] = {}
    after_new: dict[str, float] = {}
    if report.val_loss is not None:
        reporter.record({"kind": "phase", "name": "evaluating after"})
        end = load_parts(report.run, reporter=reporter)
        after_old = (old and _measured(start.recipe, end, reporter)) or {}
        after_new = _measured(recipe, end, None) or {}
    domains = [Domain("new", recipe.data.source, new or {}, after_new)]
    if old:
        domains.insert(0, Domain("old", start.recipe.data.source, old, after_old))
    return Continued(report, str(run), domains)


def _is_imported(recipe: Recipe) -> bool:
    return isinstance(recipe.objective, NoObjective)


def _measured(recipe: Recipe, parts: Parts, reporter: Reporter | None) -> dict[str, float] | None:
    """The model on the whole validation split of the recipe's text.

    With a reporter, a text that is gone or has changed is a remark and no error.
    """
    model: Model = parts.model
    try:
        text = prepare(
            recipe.data,
            recipe.name,
            tokenizer=parts.tokenizer,
            special_tokens=recipe.objective.special_tokens,
        )
    except MinilmError as error:
        if reporter is None:
            raise
        reporter.note(f"the old domain is not judged: {error}")
        return None
    return dict(objectives.build(recipe, text).evaluate(model))
