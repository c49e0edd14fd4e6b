"""Recipes and settings: what is wrong is named, what is right comes back unchanged."""

from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from minilm.errors import MinilmError
from minilm.models.bert_config import BERTConfig
from minilm.objectives.config import MaskedTokensConfig, NextTokenConfig
from minilm.recipes import Recipe, load, names, override, parse, to_toml


@pytest.mark.parametrize("name", names())
def test_recipes_of_the_library(name: str) -> None:
    recipe = load(name)
    assert recipe.description
    assert parse(to_toml(recipe)) == recipe


def test_a_recipe_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[model]\nsize = "gpt2-medium"\nn_layer = 3\n')
    recipe = load(str(path))
    assert (recipe.model.n_layer, recipe.model.n_embd) == (3, 1024)
    assert recipe.training == Recipe().training


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training]\nstep = 3", r"unknown key training.step; did you mean 'steps'\?"),
        ("[trainig]", "unknown key trainig; did you mean 'training'"),
        ("training = 3", r"training is a table: write \[training\]"),
        ("[training]\nsteps = 'many'", "training.steps = 'many': expected a whole number"),
        ("[training]\nsteps = 3.0", "training.steps = 3.0: expected a whole number"),
        ("[training]\nsteps = true", "training.steps = True: expected a whole number"),
        ("[training]\nsteps = 99999999999999999999", "fit 64 bits"),
        ("[model]\nn_head = 3\nn_embd = 128", "n_embd = 128 is not a multiple of model.n_head = 3"),
        ("[model]\nn_layer = 0", "model.n_layer = 0: must be at least 1"),
        ("[model]\nsize = 'gpt3'", "no size 'gpt3'; did you mean 'gpt2'"),
        ("[model]\nbias = 1", "model.bias = 1: expected true or false"),
        ("[model]\nnorm = 'layernorm'", "did you mean 'layer_norm'"),
        ("[optimizer]\nlearning_rate = nan", "expected a finite number"),
        ("[data]\nvalidation = 0", "data.validation = 0.0: must lie between 0 and 1"),
        ("[data]\ntokenizer = 'byte'", "did you mean 'bytes'"),
        ("[objective]\nname = 'next_tokn'", "did you mean 'next_token'"),
        ("objective = 'next_token'", r"objective is a table: write \[objective\]"),
        ("[objective]\nrate = 0.1", "unknown key objective.rate"),
        ("[objective]\nname = 'masked_tokens'\nrate = 0", "objective.rate = 0.0: must be above 0"),
        ("[objective]\nname = 'masked_tokens'\nmask = 0.95", "together at most 1"),
        ("[objective]\nname = 'masked_tokens'\nunit = 'wrd'", "did you mean 'word'"),
        ("[objective]\nname = 3", "objective.name = 3"),
        ("x = = 3", "not TOML"),
        ("a = " + "[" * 10000, "nested too deeply|not TOML"),
    ],
)
def test_mistakes_in_a_recipe(text: str, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("steps", "expected key=value"),
        ("stepz=3", r"--set stepz: unknown key; did you mean 'steps'\?"),
        ("steps=ten", "--set training.steps=ten: expected a whole number"),
        ("steps=0", "training.steps = 0: must be at least 1"),
        ("beta1=big", "--set optimizer.beta1=big: expected a number"),
        ("beta1=inf", "expected a finite number"),
        ("bias=maybe", "expected true or false"),
        ("n_head=5", "not a multiple"),
        ("=3", "unknown key"),
        ("size=gpt5", "no size"),
    ],
)
def test_mistakes_in_settings(setting: str, message: str) -> None:
    with pytest.raises(MinilmError, match=message):
        override(Recipe(), [setting])


def test_settings_apply_in_order() -> None:
    recipe = override(
        Recipe(), ["size=gpt2", "model.n_layer=2", "bias=FALSE", "source=a=b", "steps=1", "steps=2"]
    )
    assert (recipe.model.n_embd, recipe.model.n_layer, recipe.model.bias) == (768, 2, False)
    assert recipe.data.source == "a=b"
    assert recipe.training.steps == 2


def test_the_name_of_a_task_decides_its_keys() -> None:
    settings = ["objective.name=masked_tokens", "objective.rate=0.3", "model.architecture=bert"]
    recipe = override(Recipe(), [*settings, "n_token_type=0"])
    assert recipe.objective == MaskedTokensConfig(rate=0.3)
    assert recipe.model == BERTConfig(n_token_type=0)
    # Named again it stays as it is; another has its own keys.
    assert override(recipe, ["objective.name=masked_tokens"]).objective.rate == 0.3
    assert override(recipe, ["objective.name=next_token"]).objective == NextTokenConfig()
    with pytest.raises(MinilmError, match="--set mask: unknown key"):
        override(Recipe(), ["mask=0.5"])
    with pytest.raises(MinilmError, match="did you mean 'masked_tokens'"):
        override(Recipe(), ["objective.name=masked_token"])


def test_unknown_recipe_suggests_the_nearest() -> None:
    with pytest.raises(MinilmError, match="did you mean 'docs-tour'"):
        load("docs-tuor")
    with pytest.raises(MinilmError, match="cannot read recipe"):
        load("missing.toml")


def test_a_recipe_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MinilmError, match="not UTF-8"):
        load(str(path))
    with pytest.raises(MinilmError, match="cannot read"):
        load("\0.toml")


@given(st.text(max_size=60))
def test_any_text_as_a_recipe(text: str) -> None:
    try:
        assert isinstance(parse(text), Recipe)
    except MinilmError as error:
        assert "\n" not in str(error)  # noqa: PT017


@given(
    st.lists(st.text(max_size=20), max_size=3),
    st.sampled_from(["steps", "model.n_embd", "eps", "bias"]),
)
def test_any_text_as_a_setting(texts: list[str], key: str) -> None:
    for setting in [*texts, *(f"{key}={text}" for text in texts)]:
        try:
            assert isinstance(override(Recipe(), [setting]), Recipe)
        except MinilmError as error:
            assert "\n" not in str(error)  # noqa: PT017
