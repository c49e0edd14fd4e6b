"""``minilm describe``: figures that agree with the model they describe."""

from __future__ import annotations

import json

import pytest

from minilm import recipes
from minilm.cli.main import main
from minilm.models.gpt import GPT
from minilm.models.sizes import SIZES


def described(capsys, *words):
    assert main(["describe", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_parameters_are_those_of_the_model(capsys):
    figures = json.loads(described(capsys, "--set", "n_layer=2", "--set", "n_embd=32", "--json"))
    assert figures["vocab_size"] == 257
    recipe = recipes.override(
        recipes.load("docs-tour"), ["n_layer=2", "n_embd=32", "model.vocab_size=257"]
    )
    model = GPT(recipe.model)
    assert figures["parameters"] == model.parameters.n_parameters
    assert figures["tokens_per_step"] == recipe.training.batch_size * recipe.model.block_size
    assert figures["tokens"] == figures["steps"] * figures["tokens_per_step"]
    assert figures["passes"] == pytest.approx(figures["tokens"] / figures["train_tokens"])
    parts = figures["parameter_bytes"] + figures["activation_bytes"]
    assert figures["predicted_memory_bytes"] > parts


def test_the_table_has_every_cost(capsys):
    out = described(capsys)
    for label in (
        *("parameters  ", "arithmetic  ", "memory, predicted", "activations", "key-value cache"),
        *("schedule", "tokens  ", "held out", "[optimizer]", "warmup_steps = "),
    ):
        assert label in out


def test_a_text_is_counted_where_it_is_given_and_assumed_where_not(tmp_path, capsys):
    assumed = described(capsys, "shakespeare-char-cpu")
    assert "Assumes a text of 65 different characters" in assumed
    path = tmp_path / "abc.txt"
    path.write_text("abcab\n" * 500)
    counted = described(capsys, "shakespeare-char-cpu", "--data", str(path))
    assert "64 tokens of 4 kinds" in counted
    assert "Assumes" not in counted


def test_toml_is_a_recipe_with_the_changes(tmp_path, capsys):
    path = tmp_path / "mine.toml"
    path.write_text(described(capsys, "--toml", "--set", "n_layer=7"))
    changed = recipes.override(recipes.load("docs-tour"), ["n_layer=7"])
    assert recipes.load(str(path)) == changed


def test_list_has_all_recipes_and_sizes(capsys):
    listed = json.loads(described(capsys, "--list", "--json"))
    assert list(listed["recipes"]) == recipes.names()
    assert listed["sizes"].keys() == SIZES.keys()
    assert listed["sizes"]["gpt2"]["parameters"] == 124_439_808
    text = described(capsys, "--list")
    for name in (*recipes.names(), *SIZES):
        assert f"  {name} " in text
