"""From recipes and runs to models and batches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minilm.backend import using
from minilm.errors import MinilmError
from minilm.golden.sources import of_recipe, of_run
from minilm.models.architectures import build
from minilm.objectives.config import MaskedTokensConfig, NoObjective
from minilm.recipes import Recipe, objectives, override
from minilm.recipes.loading import load_parts
from minilm.recipes.pretrain import pretrain
from minilm.recipes.text import prepare
from tests.golden.configs import SMALL

SETTINGS = (
    *("n_layer=1", "n_head=2", "n_embd=8", "block_size=16", "batch_size=2", "training.steps=2"),
    *("evaluate_every=2", "estimate_windows=2", "warmup_steps=1", "sample.max_tokens=0"),
)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "text.txt").write_text("the cat sat on the mat and the dog sat on the log\n" * 40)
    return override(Recipe(name="small"), [f"source={tmp_path / 'text.txt'}", *SETTINGS])


def test_a_recipe_gives_its_model_and_its_batches(recipe: Recipe) -> None:
    source = of_recipe(recipe, n_steps=3)
    config = source.recipe.model
    assert config.vocab_size == 257
    fresh = build(config, seed=recipe.seed)
    for p in source.model.parameters:
        off = np.abs(p.value - fresh.parameters[p.name].value)
        if "norm" in p.name or p.name.endswith("bias"):
            assert off.min() > 0, p.name
            assert off.max() < 0.3
        else:
            assert off.max() == 0, p.name
    arrays = source.inputs.arrays
    assert arrays["tokens"].shape == (3, 3, 16)
    sized = override(recipe, ["batch_size=3"])
    task = objectives.build(sized, prepare(recipe.data, ""))
    for step in range(3):
        np.testing.assert_array_equal(arrays["tokens"][step], task.batch(step).inputs)
        np.testing.assert_array_equal(arrays["targets"][step], task.batch(step).targets)


def test_sizes_of_the_batch(recipe: Recipe) -> None:
    source = of_recipe(recipe, n_steps=0, batch_size=5, positions=7)
    assert source.inputs.arrays["tokens"].shape == (1, 5, 7)
    with pytest.raises(MinilmError, match=r"--positions 17: model.block_size is 16"):
        of_recipe(recipe, n_steps=1, positions=17)


@pytest.mark.parametrize("name", ["gpt2", "bert", "headless"])
def test_a_recipe_without_a_text(name: str) -> None:
    recipe = Recipe(objective=NoObjective(), model=SMALL[name])
    source = of_recipe(recipe, n_steps=2)
    assert source.inputs.arrays["tokens"].shape == (2, 3, 9)
    assert ("key_mask" in source.inputs.arrays) == (name != "gpt2")


def test_an_encoder_on_a_text(recipe: Recipe) -> None:
    recipe = replace(
        recipe,
        objective=MaskedTokensConfig(random=0.0),
        model=replace(SMALL["bert"], vocab_size=0),
    )
    source = of_recipe(recipe, n_steps=1, positions=8)
    arrays = source.inputs.arrays
    letters = b"the cat sat on the mat and dog lg\n"
    assert set(arrays["tokens"].ravel().tolist()) <= {257, *letters}
    assert set(arrays["targets"].ravel().tolist()) <= {-100, *letters}
    assert (arrays["targets"] == -100).any()


def test_a_run_gives_its_best_checkpoint(recipe: Recipe, tmp_path: Path) -> None:
    with using("reference"):
        pretrain(recipe, out=tmp_path / "run")
        source = of_run(tmp_path / "run", n_steps=2)
    expected = load_parts(tmp_path / "run").model
    np.testing.assert_array_equal(source.model.parameters.values, expected.parameters.values)
    assert source.notes == []
    assert source.inputs.arrays["tokens"].shape == (2, 3, 16)
    on_text = source.inputs.arrays["tokens"]

    (tmp_path / "text.txt").unlink()
    source = of_run(tmp_path / "run", n_steps=2)
    (note,) = source.notes
    assert note.endswith("; taking ids that are drawn")
    assert (source.inputs.arrays["tokens"] != on_text).any()


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=r"has no config\.toml"):
        of_run(tmp_path, n_steps=1)
