"""Continued pretraining: from the weights of a run, with both domains before and after."""

from pathlib import Path

import numpy as np
import pytest

import minilm
from minilm.backend import using
from minilm.errors import MinilmError
from minilm.recipes import Recipe, override
from minilm.recipes.continued import Continued, continue_pretraining, continued_recipe
from minilm.recipes.loading import load_parts, read_config
from minilm.training import checkpoint

OLD = "".join(f"{n} plus {n} is {2 * n}.\n" for n in range(300))
NEW = "".join(f"the {n}th day was warm and the {n + 1}th was cold;\n" for n in range(300))
SMALL = ["n_layer=1", "n_head=2", "n_embd=16", "block_size=16", "steps=40", "batch_size=4"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    (folder / "old.txt").write_text(OLD)
    (folder / "new.txt").write_text(NEW)
    recipe = override(Recipe(), [*SMALL, "evaluate_every=20", f"source={folder / 'old.txt'}"])
    recipe = override(recipe, ["learning_rate=0.01", "warmup_steps=2", "sample.max_tokens=3"])
    with using("reference"):
        minilm.pretrain(recipe, out=folder / "run")
    return folder


def _continue(base: Path, out: Path, *settings: str) -> Continued:
    recipe = continued_recipe(read_config(base / "run"), str(base / "new.txt"))
    with using("reference"):
        return continue_pretraining(base / "run", override(recipe, settings), out=out)


def test_both_domains_before_and_after(base: Path, tmp_path: Path) -> None:
    found = _continue(base, tmp_path / "more")
    old, new = found.domains
    assert (old.name, new.name) == ("old", "new")
    # Before, the old domain is as its own run left it; after, the new one is as reported.
    with using("reference"):
        assert old.before["val_loss"] == pytest.approx(minilm.resume(base / "run").val_loss)
    assert new.after["val_loss"] == pytest.approx(found.report.val_loss)
    assert new.after["val_bpb"] < new.before["val_bpb"]
    assert old.after["val_bpb"] > old.before["val_bpb"]
    record = found.to_dict()
    assert record["domains"][1]["source"].endswith("new.txt")
    assert record["val_loss"] == found.report.val_loss


def test_it_begins_with_the_weights_of_the_run(base: Path, tmp_path: Path) -> None:
    settings = ("learning_rate=0", "min_learning_rate=0", "steps=2", "evaluate_every=2")
    found = _continue(base, tmp_path / "still", *settings)
    before, after = load_parts(base / "run"), load_parts(tmp_path / "still")
    np.testing.assert_array_equal(before.model.parameters.values, after.model.parameters.values)
    for domain in found.domains:
        assert domain.after == pytest.approx(domain.before)
    assert (tmp_path / "still" / "tokenizer.json").read_text() == (
        base / "run" / "tokenizer.json"
    ).read_text()


def test_the_first_checkpoint_is_at_rest_and_is_resumed(base: Path, tmp_path: Path) -> None:
    whole = _continue(base, tmp_path / "whole").report
    _continue(base, tmp_path / "cut", "training.keep=9")
    # As if the process had died before its first evaluation.
    checkpoint.discard_after(tmp_path / "cut", 0)
    assert checkpoint.steps(tmp_path / "cut") == [0]
    with using("reference"):
        assert minilm.resume(tmp_path / "cut").val_loss == whole.val_loss


def test_an_old_text_that_is_gone_is_left_out(base: Path, tmp_path: Path) -> None:
    text = (base / "old.txt").read_text()
    (base / "old.txt").unlink()
    try:
        found = _continue(base, tmp_path / "more", "steps=2")
    finally:
        (base / "old.txt").write_text(text)
    assert [domain.name for domain in found.domains] == ["new"]


def test_another_model_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(MinilmError, match=r"change no model\.\*"):
        _continue(base, tmp_path / "more", "n_layer=2")
    assert not (tmp_path / "more").exists()
