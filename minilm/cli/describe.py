"""``minilm describe``: what a recipe costs, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from tyro.conf import Positional, UseAppendAction

from minilm.cli.formatting import count, memory, to_json
from minilm.cli.options import described
from minilm.cli.pretrain import DEFAULT_RECIPE, chosen_recipe

if TYPE_CHECKING:
    from minilm.recipes import Recipe

__all__ = ["Describe"]

# Of the characters of Shakespeare's plays; stands in where a recipe comes without a text.
ASSUMED_CHARACTERS = 65
# Of the byte tokenizer; stands in for the named sizes that leave it to the tokenizer.
ASSUMED_VOCABULARY = 257


class Costs(NamedTuple):
    """The figures of a recipe, in the order in which they are shown."""

    vocab_size: int
    parameters: int
    flops_per_token: float
    parameter_bytes: int
    activation_bytes: int
    predicted_memory_bytes: int
    cache_bytes_per_token: int
    steps: int
    tokens_per_step: int
    tokens: int
    train_tokens: int | None
    val_tokens: int | None
    passes: float | None


@dataclass(frozen=True)
class Describe:
    """Show what a recipe asks for and what it costs: parameters, arithmetic, memory, tokens."""

    examples: ClassVar[tuple[tuple[str, str], ...]] = (
        ("minilm describe docs-tour", "see what a recipe costs before it runs"),
        ("minilm describe --list", ""),
        ("minilm describe --set model.size=gpt2 --set block_size=256", ""),
        ("minilm describe docs-tour --toml > mine.toml", ""),
    )

    recipe: Annotated[
        Positional[str | None], described("[RECIPE]", hint=f"(default: {DEFAULT_RECIPE})")
    ] = None
    """Name, or path of a .toml file."""
    data: Annotated[str | None, described("PATH")] = None
    """The text file or folder to train on."""
    overrides: Annotated[
        UseAppendAction[tuple[str, ...]], described("KEY=VALUE", hint="(repeatable)", name="set")
    ] = ()
    """Change a setting of the recipe."""
    list: Annotated[bool, described()] = False
    """List all recipes and named model sizes instead."""
    toml: Annotated[bool, described()] = False
    """Print the recipe with every setting as TOML instead, to begin one of your own."""
    json: Annotated[bool, described()] = False
    """Print one JSON object."""

    def run(self) -> int:
        """Print the table that was asked for."""
        if self.list:
            _list(as_json=self.json)
            return 0
        from minilm import recipes

        recipe = chosen_recipe(self.recipe, self.data, None, self.overrides)
        settings = recipes.to_toml(recipe)
        if self.toml:
            print(settings, end="")
            return 0
        costs, note = _costs(recipe)
        name = self.recipe or DEFAULT_RECIPE
        if self.json:
            print(to_json({"recipe": name, **costs._asdict(), "note": note}))
            return 0
        print(f"{name}: {recipe.description}\n" if recipe.description else f"{name}\n")
        for label, value in _rows(recipe, costs):
            print(f"  {label:22}  {value}")
        if note:
            print(f"\n  {note}")
        print(f"\nSettings, which --set KEY=VALUE changes:\n\n{settings}", end="")
        return 0


def _costs(recipe: Recipe) -> tuple[Costs, str]:
    """The figures, and a remark if one of them is an assumption."""
    from minilm import tokenizers
    from minilm.models import costs
    from minilm.recipes import memory as prediction
    from minilm.recipes.text import prepare

    text, note = None, ""
    if recipe.data.source:
        text = prepare(recipe.data, DEFAULT_RECIPE)
        vocabulary = text.tokenizer.vocab_size
    elif recipe.data.tokenizer == "bytes":
        vocabulary = ASSUMED_VOCABULARY
    elif recipe.data.tokenizer == "bpe":
        vocabulary = recipe.data.vocab_size
    elif recipe.data.tokenizer_is_path:
        vocabulary = tokenizers.load(recipe.data.tokenizer).vocab_size
    else:
        vocabulary = ASSUMED_CHARACTERS
        note = f"Assumes a text of {vocabulary} different characters; --data PATH counts yours."
    model = recipe.model.changed(vocab_size=vocabulary)
    recipe = replace(recipe, model=model)
    training = recipe.training
    train_tokens = len(text.train.ids) if text else 0
    tokens_per_step = training.batch_size * model.block_size
    tokens = training.steps * tokens_per_step
    figures = Costs(
        vocab_size=vocabulary,
        parameters=model.n_parameters(),
        flops_per_token=model.flops_per_token(),
        parameter_bytes=costs.parameter_bytes(model),
        activation_bytes=model.activation_bytes(training.batch_size // training.accumulation),
        predicted_memory_bytes=prediction.predict(recipe, len(text.counted) if text else 0),
        cache_bytes_per_token=model.cache_bytes_per_token(),
        steps=training.steps,
        tokens_per_step=tokens_per_step,
        tokens=tokens,
        train_tokens=train_tokens or None,
        val_tokens=len(text.validation.ids) if text else None,
        passes=tokens / train_tokens if train_tokens else None,
    )
    return figures, note


def _rows(recipe: Recipe, costs: Costs) -> list[tuple[str, str]]:
    model, training = recipe.model, recipe.training
    part = training.batch_size // training.accumulation
    rows = [
        ("text", recipe.data.source or "yours: --data PATH"),
        ("model", f"{model.n_layer} layers, {model.n_head} heads, {model.n_embd} channels"),
        ("context", f"{model.block_size} tokens of {costs.vocab_size} kinds"),
        ("parameters", f"{costs.parameters:,}"),
        ("arithmetic", f"{count(costs.flops_per_token)}FLOP per token of training"),
        ("memory, predicted", f"{memory(costs.predicted_memory_bytes)} in all, of which"),
        ("  parameters", f"{memory(costs.parameter_bytes)} with gradients and Adam's moments"),
        (
            "  activations",
            f"{memory(costs.activation_bytes)} for {part} x {model.block_size} tokens",
        ),
        ("key-value cache", f"{memory(costs.cache_bytes_per_token)} per token of sampling"),
        ("schedule", f"{training.steps:,} steps of {costs.tokens_per_step:,} tokens"),
        ("tokens", f"{count(costs.tokens)} trained on"),
    ]
    if costs.train_tokens and costs.val_tokens and costs.passes is not None:
        rows[-1] = (
            "tokens",
            f"{count(costs.tokens)} trained on: {costs.passes:.1f} times the "
            f"{count(costs.train_tokens)} of the text, {count(costs.val_tokens)} held out",
        )
    rows.append(("arithmetic in all", f"{count(costs.tokens * costs.flops_per_token)}FLOP"))
    return rows


def _list(*, as_json: bool) -> None:
    """Every recipe with its purpose, every named size with what it costs."""
    from minilm import recipes
    from minilm.models.sizes import SIZES

    purposes = {name: recipes.load(name).description for name in recipes.names()}
    sizes: dict[str, dict[str, Any]] = {}
    for name, config in SIZES.items():
        config = replace(config, vocab_size=config.vocab_size or ASSUMED_VOCABULARY)
        sizes[name] = {
            "n_layer": config.n_layer,
            "n_head": config.n_head,
            "n_embd": config.n_embd,
            "block_size": config.block_size,
            "vocab_size": config.vocab_size,
            "parameters": config.n_parameters(),
            "flops_per_token": config.flops_per_token(),
        }
    if as_json:
        print(to_json({"recipes": purposes, "sizes": sizes}))
        return
    print("Recipes: minilm pretrain NAME\n")
    for name, purpose in purposes.items():
        print(f"  {name:22}  {purpose}")
    print("\nModel sizes: minilm pretrain --set model.size=NAME\n")
    print(f"  {'':14} layers  heads  channels  context  parameters  FLOP/token")
    for name, size in sizes.items():
        print(
            f"  {name:14} {size['n_layer']:6}  {size['n_head']:5}  {size['n_embd']:8}  "
            f"{size['block_size']:7}  {count(size['parameters']):>10}  "
            f"{count(size['flops_per_token']):>10}"
        )
