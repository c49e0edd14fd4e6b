"""What a finished run shows of what it learned: a text it writes, or one whose gaps it fills."""

from __future__ import annotations

import shlex

from minilm.errors import MinilmError
from minilm.evaluation.masked import Masked
from minilm.generation.pretrained import Pretrained
from minilm.models.gpt import GPT
from minilm.models.model import Model
from minilm.objectives.config import FillInMiddleConfig, MaskedTokensConfig
from minilm.recipes.recipe import Recipe
from minilm.tokenizers import Tokenizer

__all__ = ["next_commands", "sample"]

FILLED = "The [MASK] statement"


def sample(model: Model, tokenizer: Tokenizer, recipe: Recipe) -> str:
    """A text by the model, as `[sample]` asks; empty if it can make none."""
    if isinstance(recipe.objective, MaskedTokensConfig):
        try:
            return Masked(model, tokenizer).complete(recipe.sample.prompt)
        except MinilmError:
            return ""
    return _written(Pretrained(model, tokenizer), recipe) if isinstance(model, GPT) else ""


def _written(model: Pretrained, recipe: Recipe) -> str:
    """A continuation; from scratch if the recipe's prompt has characters the text never had."""
    prompt = recipe.sample.prompt
    try:
        model.tokenizer.encode(prompt)
    except MinilmError:
        prompt = ""
    return prompt + model.generate(
        prompt,
        max_tokens=recipe.sample.max_tokens,
        temperature=recipe.sample.temperature,
        seed=recipe.seed,
    )


def next_commands(recipe: Recipe, run: str) -> list[str]:
    """What to type next, to use the run."""
    line = "".join(recipe.sample.prompt.split("\n")).strip()
    if isinstance(recipe.objective, MaskedTokensConfig):
        return [f"minilm fill {shlex.quote(run)} {shlex.quote(line or FILLED)}"]
    commands = [f"minilm sample {shlex.quote(run)} --prompt {shlex.quote(line or 'The')}"]
    if isinstance(recipe.objective, FillInMiddleConfig):
        commands.append(f'minilm sample {shlex.quote(run)} --prefix "def " --suffix "(self):"')
    return commands
